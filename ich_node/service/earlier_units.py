"""The units and the command of versions before install-service, which were copied by hand: the
SHA-256 of each, with /opt/ich-node as prefix.
"""

EARLIER = frozenset(
    {
        # ich-node
        "8b2bce43ea0ccb64d305d6d4a8c57b9cd5956514b05e86b089ed22ba20d26e19",
        # ich-node-analyse.service
        "18bd47747e3cef0b9a41fbf3ffbd3138d07e2b22231ca7aefa253d9bdc26b4c7",
        "7543323ec9a8b826018701fd33d41dd01c9c4861444fa227248eb4d2fb6e8992",
        "b334c2a4bc30337085b2076bcedb998ab79c6f41da5ae3550419b6ead3b51afd",
        # ich-node-analyse@.service
        "3fe17e7c1eb251f7e9d66f991539575960c2e135785f5ca62b5a94a1b8bf1d0e",
        "b53830c8001149fa79db43ff68f73e9568ba528443eb2685684ed5d70680fa64",
        # ich-node-receive.service
        "6a29c6ed49d1b1b583bdaa984c9ae54a68eab93cc5758dc1e35a1a6ee4ff1449",
        "aef329637bcbf36563e47d949d9e56ec82e6e7cf4e19d4a0cb43cc4b9edddfec",
        "ba456c770c8d90054634455ed7a1eb4ba7a9fc18aef7cdd009108a7c88e7d2d2",
        # ich-node-send.service
        "4516843d0aacd2412d42f65caee9cfd22c735f671d6a12a2a8716b6aabaa8624",
        "68ed014afe527eab208ae310b347337fefda62701ae580b2900ea720c2177bc6",
        "9d46067f68a0e5dcff58cdfa3b252a894f7a8f5c9eeeda60acda0ad218c8cb2e",
        # ich-node-web.service
        "e9b628f238298c69d43729207ca8e6dcb07a1eb51e949700bd37cb5a837bdce7",
        # ich-node.target
        "182423de155b5dd26014795eb801cd145172c9ef673759b6777192e20eb73fea",
        "91c6ab598c5ba84fd01b49a488deac53645359adbfbbf5d7e45ce612f5240314",
    }
)
