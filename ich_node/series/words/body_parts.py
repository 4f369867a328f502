"""Parts of the body, as people write them into headers; * stands for any letters."""

HEAD = {
    "en": "head*, brain*, skull*, cranium, cranial, *cranial, craniotomy, cerebr*, neuro*, "
    "ICH, CTH, stroke, encephal*",
    "de": "Kopf*, Schädel*, *schädel, *schädels, Hirn*, Gehirn*, *hirn, CCT, Kranium, kranial*, "
    "kraniell*, zerebr*, Neurokranium, Schlaganfall",
    "fr": "tête*, crâne*, crânien*, cerveau, cérébral*, encéphal*",
    "es": "cabeza, cráneo*, craneal, cerebro, encéfalo, encefálic*, ictus",
    "it": "testa, cranio*, cranico, cervello, encefalo*, encefalic*, capo",
    "pt": "cabeça, crânio*, craniano, cérebro, encéfalo, encefálic*",
    "cs": "hlav*, mozek, mozk*, lebka, lebky, lebku, CMP",
    "pl": "głow*, mózg*, czaszk*, udar*",
}

# Also parts of the head that hold no whole brain: sinuses, orbits, petrous bones
OTHER = {
    "en": "chest*, thora*, lung*, abdom*, pelvi*, liver, heart, cardia*, coronar*, aort*, kidney*, "
    "renal, *spine, spinal, cervical, lumbar, neck, shoulder*, elbow*, wrist*, hand, hands, hip, "
    "hips, knee*, ankle*, foot, feet, femur*, tibia*, humerus, extremit*, arm, arms, leg, legs, "
    "wholebody, whole body, body, trunk, sinus, sinuses, orbit*, face, facial, maxillofacial, "
    "mandible, dental, temporal bone*, petrous, IAC, TMJ, larynx",
    "de": "Brust*, Lunge*, Bauch*, Becken*, Leber*, Herz*, Niere*, Wirbel*, HWS, BWS, LWS, Hals, "
    "Halsweichteile, Schulter*, Ellenbogen*, Ellbogen*, Handgelenk*, Hüft*, Knie*, "
    "Sprunggelenk*, Fuß, Oberschenkel*, Bein, Ganzkörper*, NNH, Nasennebenhöhlen*, Felsenbein*, "
    "Gesicht*, Mittelgesicht*, Kiefer*, Polytrauma*",
    "fr": "poumon*, abdom*, bassin, foie, coeur, reins, rachis, cou, épaule*, coude*, poignet*, "
    "hanche*, genou*, cheville*, pied*, corps entier, rocher*, massif facial, TAP, TSA",
    "es": "tórax, pecho, pulmon*, hígado, corazón, riñon*, columna, cuello, hombro*, codo*, "
    "muñeca*, cadera*, rodilla*, tobillo*, pie, cuerpo entero, senos paranasales, órbita*",
    "it": "torace, toracic*, polmon*, addom*, bacino, fegato, cuore, rene, reni, colonna, rachide, "
    "collo, spalla*, gomito*, polso, mano, anca, ginocchio, caviglia, piede, total body, "
    "massiccio facciale, seni paranasali, rocche petrose",
    "pt": "tórax, pulmão, pulmões, abdome, pelve, bacia, fígado, coração, rins, coluna, pescoço, "
    "ombro*, cotovelo*, punho*, mão, quadril, joelho*, tornozelo*, corpo inteiro, "
    "seios da face, seios paranasais, ouvido*",
    "cs": "hrudník*, plíc*, břich*, pánev*, pánve, játr*, srdc*, ledvin*, páteř*, krk, krku, "
    "krční*, ramen*, loket, zápěstí, kyčel*, kyčl*, kolen*, kotník*, celotělov*, dutin*, "
    "pyramid*, orbit*",
    "pl": "klatk*, piers*, płuc*, brzuch*, brzuszn*, miednic*, wątrob*, serce, nerki, kręgosłup*, "
    "szyj*, bark*, łokieć, nadgarst*, biodr*, kolan*, stopa, stopy, zatok*, oczodoł*, całe ciało",
}
