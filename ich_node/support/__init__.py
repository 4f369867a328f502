"""`ich-node support-bundle`: what somebody who helps needs to know, without patients or secrets."""
