"""Models with everything that people, programs and accidents do to XML, and whether OpenSim 4.6 reads them.

`test_osim_dialect.py` takes the answers from here; where OpenSim is installed, `test_osim_opensim.py` asks it.
"""

from __future__ import annotations

from conftest import DATA

CASES = DATA / "cases" / "osim"
BASE = (CASES / "base.osim").read_bytes()
GIVEN = sorted(path.stem for path in CASES.glob("*.osim"))

# [k, alpha, l_0, f_ref], and what OpenSim is to read: stiffness per strain, transition strain, metres.
VALUES = [50.0, 0.0625, 80.0, 3.0]
READ = (4000.0, 0.0625, 0.08)
OLD = (3000.0, 0.06, 0.075)

DECLARATION = b'<?xml version="1.0" encoding="UTF-8" ?>\n'
DOCUMENT = b'<OpenSimDocument Version="40600">'
CREDITS = b"<credits>CREDITS</credits>"
TAG = b'<Blankevoort1991Ligament name="MCL">'
STIFFNESS = b"<linear_stiffness>3000</linear_stiffness>"
SLACK = b"<slack_length>0.074999999999999997</slack_length>"
BOM = b"\xef\xbb\xbf"
BLOCK = BASE[BASE.index(TAG) : BASE.index(b"</Blankevoort1991Ligament>")]
# A ligament as it stands, to be put elsewhere.
LIGAMENT = BLOCK.replace(b"3000", b"77") + b"</Blankevoort1991Ligament>"


def changed(old: bytes, new: bytes, base: bytes = BASE) -> bytes:
    assert old in base
    return base.replace(old, new, 1)


def updated(model: bytes, stiffness: bytes = b"<linear_stiffness>4000.0</linear_stiffness>") -> bytes:
    """What becomes of a model with `BLOCK` in it: two numbers changed, one element more, all else the same."""
    for ends in (b"\n", b"\r\n", b"\r"):
        before = BLOCK.replace(b"\n", ends)
        if before in model:
            after = before.replace(TAG, TAG + ends + b"\t" * 5 + b"<transition_strain>0.0625</transition_strain>")
            after = after.replace(STIFFNESS, stiffness).replace(SLACK, b"<slack_length>0.08</slack_length>")
            return model.replace(before, after, 1)
    raise AssertionError("the ligament itself is another")


def credits(text: bytes, base: bytes = BASE) -> bytes:
    return changed(CREDITS, b"<credits>%b</credits>" % text, base)


def beside(xml: bytes) -> bytes:
    return changed(CREDITS, xml + CREDITS)


# What OpenSim reads, and so do we.
READABLE = {
    "own contact parameters": (CASES / "own_contact.osim").read_bytes(),
    "a name with colons": beside(b"<A::B::C>1</A::B::C>"),
    "a bare ampersand": credits(b"Doe & Roe"),
    "ampersands in a row": credits(b"&&& & &amp;&"),
    "an ampersand at the end": credits(b"Doe &"),
    "an ampersand and a semicolon": credits(b"R&D; more"),
    "undeclared entities": credits(b"30&deg; &nbsp; &hellip;"),
    "a reference to a number": credits(b"30&#176; &#x3b1;"),
    "a reference without digits": credits(b"&#; &#x;"),
    "a reference with blanks in it": credits(b"&#x no x41;"),
    "a reference over a tag": credits(b"&#x<b>x41;"),
    "a reference as long as a book": credits(b"&#" + b"1" * 20_000 + b";"),
    "undeclared prefixes": beside(b'<a:b c:d="e"><svg:g xlink:href="#x"/></a:b>'),
    "Latin-1 declared as UTF-8": credits(b"M\xfcller, 30\xb0"),
    "Latin-1 before a tag": credits(b"caf\xe9"),
    "Latin-1 declared": credits(b"caf\xe9", BASE.replace(b"UTF-8", b"ISO-8859-1")),
    "Latin-1 without a declaration": credits(b"caf\xe9", BASE.replace(DECLARATION, b"")),
    "quotes of cp1252": credits(b"\x93knee\x94 \x80 \x96"),
    "cp1252 declared": credits(b"\x93knee\x94", BASE.replace(b"UTF-8", b"windows-1252")),
    "UTF-8 cut off": credits(b"\xe2\x82 \xf0\x9f\x98"),
    "bytes that are no letters": credits(b"\xff\xfe\xc0\x80"),
    "UTF-8": credits("Müller, 30°, 膝".encode()),
    "another encoding declared": BASE.replace(b"UTF-8", b"UTF-16"),
    "an encoding that there is not": BASE.replace(b"UTF-8", b"klingon"),
    "two hyphens in a comment": beside(b"<!-- old -- do not use -->"),
    "many hyphens in a comment": beside(b"<!---- a --- b ----->"),
    "tags in a comment": beside(b"<!-- <credits> & </a> <![CDATA[ -->"),
    "an empty comment": beside(b"<!---->"),
    "an ampersand after the end": BASE + b" & \n",
    "a stray end tag after the end": BASE + b"</OpenSimDocument>\n",
    "many stray end tags": BASE + b"</a>" * 1000,
    "a comment after the end": BASE + b"<!-- a -- b -->",
    "a processing instruction after the end": BASE + b"<?a b?>",
    "a lone '<' after the end": BASE + b"<",
    "an open tag of no name after the end": BASE + b"<1",
    "a reference that is none after the end": BASE + b"&#zz; and <more>",
    "a declaration without an end after the end": BASE + b"<?xml version ?> junk <a/>",
    "NUL after the end": BASE + b"\0",
    "NUL and text after the end": BASE + b"\0\0junk <a> & </b>",
    "many NULs": BASE.rstrip() + bytes(5000),
    "blank lines first": b"\n\r\n \t" + BASE,
    "a comment first": b"<!-- a -->" + BASE,
    "a processing instruction first": b"<?a b?>" + BASE,
    "a dropped ampersand first": b"& " + BASE,
    "a byte order mark": BOM + BASE,
    "a byte order mark and no declaration": BOM + BASE.replace(DECLARATION, b""),
    "byte order marks between tags": BOM + beside(BOM + b"\xef\xbf\xbe"),
    "a byte order mark and letters": BOM + credits("é°膝😀".encode()),
    "a byte order mark and Latin-1": BOM + credits(b"caf\xe9 au lait"),
    "no declaration": BASE.replace(DECLARATION, b""),
    "two declarations": DECLARATION + BASE,
    "a declaration in the middle": beside(b'<?xml version="1.0"?>'),
    "a declaration in capitals": BASE.replace(b"<?xml", b"<?XML"),
    "a '>' in a declaration in capitals": BASE.replace(b'<?xml version="1.0"', b'<?XML version="1>0"'),
    "a declaration without blanks": BASE.replace(b'"1.0" encoding', b'"1.0"encoding'),
    "a declaration of much else": changed(b" ?>", b" x='1' standalone=yes y ?>"),
    "a style sheet": changed(DECLARATION, DECLARATION + b'<?xml-stylesheet href="a" type="b"?>'),
    "a document type": changed(DECLARATION, DECLARATION + b"<!DOCTYPE OpenSimDocument>"),
    "a document type elsewhere": changed(DECLARATION, DECLARATION + b'<!DOCTYPE a SYSTEM "http://example.org/a.dtd">'),
    "a document type in the middle": beside(b"<!DOCTYPE x>"),
    "an element declaration": beside(b"<!ELEMENT a (b)>"),
    "CDATA": credits(b"<![CDATA[a <b> & </c> ]] > --> d]]>"),
    "empty CDATA": credits(b"<![CDATA[]]>"),
    "a processing instruction": beside(b"<?a b?>"),
    "a '>' in a processing instruction": beside(b"<?a b > c?>"),
    "a '>' in text": credits(b"a > b => c"),
    "the end of CDATA in text": credits(b"a ]]> b"),
    "quotes in text": credits(b"\"a' b"),
    "control characters": credits(b"\x01\x02\x1b[31m\x7f"),
    "form feeds between tags": beside(b"\x0b\x0c"),
    "form feeds in a tag": beside(b'<a\x0bb="c"\x0c/>'),
    "equal attributes": beside(b'<a b="1" b="2"/>'),
    "attributes without quotes": beside(b"<a b=c d=e>f</a>"),
    "an attribute without a value": beside(b"<a b=>c</a>"),
    "attributes side by side": beside(b"<a b='c'd=\"e\"/>"),
    "tags in an attribute": beside(b"<a b='<c>&</a>' d=\"]]>--\"/>"),
    "line ends in a tag": beside(b'<a\n\tb\r\n=\r"c\nd"\n>e</a>'),
    "a name with letters of all kinds": beside("<é膝-._1>a</é膝-._1>".encode()),
    "blanks before '/>'": beside(b"<a \t\n/>"),
    "a tag that begins with a digit": beside(b"<1 a>"),
    "a '<' that begins nothing": beside(b"< a>"),
    "CRLF": BASE.replace(b"\n", b"\r\n"),
    "lone carriage returns": BASE.replace(b"\n", b"\r"),
    "mixed line ends": BASE[:1000].replace(b"\n", b"\r\n") + BASE[1000:],
    "deeply nested": beside(b"<a>" * 5000 + b"</a>" * 5000),
    "text among objects": changed(TAG, b"text " + TAG),
    "text in the model": changed(b'<Model name="k">', b'<Model name="k">text'),
    "a namespace": changed(b"<OpenSimDocument ", b'<OpenSimDocument xmlns:x="http://a" x:b="c" '),
    "an old format": BASE.replace(b"40600", b"30516"),
    "a future format": BASE.replace(b"40600", b"99999"),
    "blanks around the format": BASE.replace(b"40600", b" 40600 "),
    "a ligament of the name among the defaults": beside(b"<defaults>%b</defaults>" % LIGAMENT),
    "a ligament of the name where OpenSim does not look": beside(b"<unknown>%b</unknown>" % LIGAMENT),
    "a ligament of the name in a second set": changed(b"</ForceSet>", b"</ForceSet><ForceSet>%b</ForceSet>" % LIGAMENT),
    "a ligament of another name among components": beside(
        b"<components>%b</components>" % LIGAMENT.replace(b"MCL", b"X")
    ),
    "an empty file attribute": changed(b"<ForceSet ", b'<ForceSet file="" '),
    "a file attribute of a list": changed(b"<objects>\n\t\t\t\t<Blank", b'<objects file="a">\n\t\t\t\t<Blank'),
    "a file attribute of the model": changed(b"<Model ", b'<Model file="a" '),
}

# What OpenSim does not read, and what we say: (model, part of the message).
UNREADABLE = {
    "nothing": (b"", "no OpenSim model"),
    "blanks": (b" \n\t", "no OpenSim model"),
    "NULs": (bytes(5000), "no OpenSim model"),
    "text": (b"knee", "outside of the outermost"),
    "a web page": (b"<!DOCTYPE html><html><body></body></html>", "no OpenSim model"),
    "a declaration alone": (DECLARATION, "no OpenSim model"),
    "a declaration without an end": (changed(b"?>", b""), "no OpenSim model"),
    "a declaration cut off": (BASE.replace(b'="UTF-8"', b""), "no OpenSim model"),
    "no document around the model": (changed(DOCUMENT, b"").replace(b"</OpenSimDocument>", b""), "no OpenSim model"),
    "the document in lower case": (BASE.replace(b"OpenSimDocument", b"opensimdocument"), "no OpenSim model"),
    "cut off": (BASE[:1500], "the file ends within the tag <ForceSet>"),
    "cut off in a tag": (BASE[: BASE.index(TAG) + 20], "the file ends within the tag <"),
    "NUL within": (credits(b"a\0b"), "the file ends within <credits>"),
    "text after the end": (BASE + b"text", "outside of the outermost"),
    "text and an ampersand after the end": (BASE + b"&nbsp;", "outside of the outermost"),
    "CDATA after the end": (BASE + b"<![CDATA[]]>", "outside of the outermost"),
    "an element after the end": (BASE + b"<a/>", "outside of the outermost"),
    "the model twice": (BASE + BASE, "outside of the outermost"),
    "text first": (b"text" + BASE, "line 1: "),
    "a byte order mark late": (b"\n" + BOM + BASE, "line 2: "),
    "an open comment": (beside(b"<!-- a "), "line 10: .*a comment does not end"),
    "a comment that closes itself": (beside(b"<!-->"), "a comment does not end"),
    "an open comment after the end": (BASE + b"<!-- a", "a comment does not end"),
    "open CDATA": (credits(b"<![CDATA[ a"), "a CDATA section does not end"),
    "entities of its own": (
        changed(DECLARATION, DECLARATION + b'<!DOCTYPE a [<!ENTITY b "c">]>'),
        "document type or entities",
    ),
    "entities of entities": (
        changed(DECLARATION, DECLARATION + b'<!DOCTYPE a [<!ENTITY b "&c;&c;"><!ENTITY c "&d;&d;">]>'),
        "document type or entities",
    ),
    "a reference that is none": (credits(b"&#zz;"), "'&#' begins no number"),
    "a reference that does not end": (credits(b"&#65").replace(b";", b""), "'&#' begins no number"),
    "a control character in a tag": (changed(b" name=", b"\x01name="), "is not of the form"),
    "an attribute without '='": (beside(b"<a b/>"), "is not of the form"),
    "an attribute without a name": (beside(b'<a ="b"/>'), "is not of the form"),
    "a quote at the end only": (beside(b'<a b=c"/>'), "is not of the form"),
    "an ampersand in a tag": (beside(b"<a&b/>"), "is not of the form"),
    "a slash in an attribute without quotes": (beside(b"<a b=c/d/>"), "'/' stands alone"),
    "a blank within '/>'": (beside(b"<a / >"), "'/' stands alone"),
    "a blank in an end tag": (beside(b"<a></a >"), "line 10: .*'</a>' is expected, for line 10"),
    "an end tag in capitals": (beside(b"<a></A>"), "'</a>' is expected"),
    "an end tag too many": (beside(b"</a>"), "'</Model>' is expected"),
    "an end tag missing": (beside(b"<a>"), "'</a>' is expected, for line 10"),
    "tags across each other": (beside(b"<a><b></a></b>"), "'</b>' is expected"),
    "a '<' in text": (credits(b"a < b"), "'</credits>' is expected"),
    "text and a bad reference after the end": (BASE + b"a&#zz;", "'&#' begins no number"),
    "a declaration within, cut off": (beside(b"<?xml version ?>"), "a declaration '<[?]xml' does not end"),
    "Latin-1 before a tag, after a byte order mark": (BOM + credits(b"caf\xe9"), "is expected"),
    "one letter earlier": (BOM + credits(b"caf\xe9s"), "is expected"),
    "a line earlier": (BOM + credits(b"caf\xe9\r\n"), "is expected"),
    "half of two bytes": (BOM + credits(b"\xc3"), "is expected"),
    "half of four bytes": (BOM + credits(b"\xf0\x9f\x98"), "is expected"),
    "Latin-1 before a quote, after a byte order mark": (BOM + beside(b'<a b="caf\xe9"/>'), "is not of the form"),
    "UTF-16": (BASE.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (BASE.decode().encode("utf-16-le"), "UTF-16"),
    "UTF-16, the other end first": (BASE.decode().encode("utf-16-be"), "UTF-16"),
    "no format": (BASE.replace(b' Version="40600"', b""), "without its format"),
    "a format in words": (BASE.replace(b"40600", b"four"), "without its format"),
    "a format with a point": (BASE.replace(b"40600", b"4.6"), "without its format"),
    "a format of long ago": (BASE.replace(b"40600", b"10500"), "10500 is too old"),
    "nested without an end": (beside(b"<a>" * 100_001), "nested deeper"),
}

# The stiffness as it may stand there, and what becomes of it. OpenSim reads the first element, if it has one text.
_OPEN, _CLOSE = b"<linear_stiffness>", b"</linear_stiffness>"
_NEW = _OPEN + b"4000.0" + _CLOSE
CONTENTS = {
    "blanks around": (_OPEN + b" \n 3000\t" + _CLOSE, _OPEN + b" \n 4000.0\t" + _CLOSE),
    "a comment after": (_OPEN + b"3000<!-- N -->" + _CLOSE, _OPEN + b"4000.0<!-- N -->" + _CLOSE),
    "a comment before": (_OPEN + b" <!-- 1 -- --> 3000 " + _CLOSE, _OPEN + b" <!-- 1 -- --> 4000.0 " + _CLOSE),
    "a comment within": (_OPEN + b"30<!-- a -->00" + _CLOSE, _NEW),
    "only a comment": (_OPEN + b"<!-- none -->" + _CLOSE, _OPEN + b"4000.0<!-- none -->" + _CLOSE),
    "a processing instruction": (_OPEN + b"<?a?>3000" + _CLOSE, _OPEN + b"<?a?>4000.0" + _CLOSE),
    "CDATA": (_OPEN + b"<![CDATA[ 3000 ]]>" + _CLOSE, _NEW),
    "CDATA and text": (_OPEN + b"30<![CDATA[00]]>" + _CLOSE, _NEW),
    "an element within": (_OPEN + b"3000<a/>" + _CLOSE, _NEW),
    "itself within": (_OPEN + _OPEN + b"1" + _CLOSE + _CLOSE, _NEW),
    "a reference": (_OPEN + b"300&#48;" + _CLOSE, _NEW),
    "ampersands": (_OPEN + b"&3000&" + _CLOSE, _NEW),
    "only an ampersand": (_OPEN + b"&" + _CLOSE, _NEW),
    "a blank by reference": (_OPEN + b"&#32;" + _CLOSE, _NEW),
    "several numbers": (_OPEN + b"30\n00" + _CLOSE, _NEW),
    "a comma": (_OPEN + b"3000,5" + _CLOSE, _NEW),
    "words": (_OPEN + b"(stiff)" + _CLOSE, _NEW),
    "nothing": (_OPEN + _CLOSE, _NEW),
    "blanks": (_OPEN + b"\n " + _CLOSE, _NEW),
    "closed in itself": (b"<linear_stiffness />", b"<linear_stiffness >4000.0" + _CLOSE),
    "closed, with an attribute": (b"<linear_stiffness a=b/>", b"<linear_stiffness a=b>4000.0" + _CLOSE),
    "attributes": (
        b"<linear_stiffness\nunits='>' file=\"a\">3000" + _CLOSE,
        b"<linear_stiffness\nunits='>' file=\"a\">4000.0" + _CLOSE,
    ),
    "twice": (STIFFNESS + _OPEN + b"2" + _CLOSE, _NEW + _OPEN + b"2" + _CLOSE),
    "elsewhere, too": (b"<a>" + STIFFNESS + b"</a>" + STIFFNESS, b"<a>" + STIFFNESS + b"</a>" + _NEW),
    "in a comment, too": (b"<!--" + STIFFNESS + b"-->" + STIFFNESS, b"<!--" + STIFFNESS + b"-->" + _NEW),
}

# A ligament's name as it is written, how the command line may spell it, and what OpenSim calls it.
NAMES = {
    "escaped": (BASE, b'"a&amp;b"', ("a&b", "a&amp;b"), b"a&b"),
    "bare": (BASE, b'"a&b"', ("a&b", "ab"), b"ab"),
    "quotes": (BASE, b"'a\"b'", ('a"b',), b'a"b'),
    "an apostrophe": (BASE, b'"a\'b"', ("a'b",), b"a'b"),
    "escaped quotes": (BASE, b'"a&quot;b&apos;"', ("a\"b'", "a&quot;b&apos;"), b"a\"b'"),
    "tags": (BASE, b'"&lt;a>"', ("<a>",), b"<a>"),
    "no quotes": (BASE, b"a&amp;b", ("a&amp;b", "a&b"), b"a&amp;b"),
    "the last of two": (BASE, b'"x" name="ab"', ("ab",), b"ab"),
    "in UTF-8": (BASE, '"Lig-é"'.encode(), ("Lig-é", "Lig-e\u0301"), "Lig-é".encode()),
    "decomposed": (BASE, '"Lig-e\u0301"'.encode(), ("Lig-é", "Lig-e\u0301"), "Lig-e\u0301".encode()),
    "in Latin-1": (BASE.replace(b"UTF-8", b"ISO-8859-1"), b'"Lig-\xe9"', ("Lig-é", "Lig-\udce9"), b"Lig-\xe9"),
    "in Latin-1, undeclared": (BASE, b'"Lig-\xe9"', ("Lig-é", "Lig-\udce9"), b"Lig-\xe9"),
    "in cp1252": (BASE, b'"Lig-\x8a"', ("Lig-Š",), b"Lig-\x8a"),
    "in Latin-1, beyond cp1252": (BASE, b'"Lig-\x81"', ("Lig-\x81",), b"Lig-\x81"),
    "in Greek": (BASE.replace(b"UTF-8", b"ISO-8859-7"), b'"Lig-\xe1"', ("Lig-α",), b"Lig-\xe1"),
    "in no encoding": (BASE.replace(b"UTF-8", b"zip"), b'"Lig-\xe9"', ("Lig-é",), b"Lig-\xe9"),
    "by number": (BASE, b'"Lig-&#233;"', ("Lig-é", "Lig-&#233;"), b"Lig-\xe9"),
    "by number, after a byte order mark": (BOM + BASE, b'"Lig-&#xE9;"', ("Lig-é",), "Lig-é".encode()),
    "beyond a byte": (BASE, b'"Lig-&#x3b1;"', ("Lig-α", "Lig-\udcb1"), b"Lig-\xb1"),
    "by an undeclared entity": (BASE, b'"Lig-&eacute;"', ("Lig-é", "Lig-eacute;"), b"Lig-eacute;"),
}

# A model in the format of OpenSim 3, whose bodies hold their joints.
BODY = b'<Body name="%b"><mass>1</mass><mass_center>0 0 0</mass_center><inertia_xx>1</inertia_xx>%b</Body>'
JOINT = b"""<Joint><PinJoint name="knee"><parent_body>ground</parent_body><CoordinateSet name=""><objects>
<Coordinate name="a"><motion_type>rotational</motion_type></Coordinate></objects></CoordinateSet></PinJoint></Joint>"""
POINT = b'<PathPoint name="%b"><location>0 0.02 0</location><body>%b</body></PathPoint>'
OF_OPENSIM_3 = b"""<?xml version="1.0" encoding="UTF-8" ?>
<OpenSimDocument Version="30000"><Model name="k"><BodySet name=""><objects>%b%b</objects></BodySet>
<ForceSet name=""><objects><Blankevoort1991Ligament name="MCL"><isDisabled>false</isDisabled>
<GeometryPath name=""><PathPointSet><objects>%b%b</objects></PathPointSet></GeometryPath>
<linear_stiffness>3000</linear_stiffness></Blankevoort1991Ligament></objects></ForceSet></Model></OpenSimDocument>
""" % (BODY % (b"ground", b"<Joint />"), BODY % (b"tibia", JOINT), POINT % (b"p", b"ground"), POINT % (b"q", b"tibia"))

TOKENS = (
    *(b"< > </ /> & &# &#x ; \" ' = <!-- --> <![CDATA[ ]]> <?xml ?> <! <? : :: . - 5 x".split()),
    *(b"<a> </a> <a/> <defaults> </defaults> <objects> </objects> <components> &amp; &#65; <credits>".split()),
    *(b"<slack_length> </slack_length> <slack_length>3</slack_length> <linear_stiffness/>".split()),
    *(b"\n", b"\r", b" ", b"\x0b", b"\x7f", BOM, b"\xe9", b"\xc3", b"\xf0", b' name="MCL" ', b' file="x" '),
)


def mutated(rng):
    """A model with one to three accidents, half of them near the ligament; no NUL within, which OpenSim runs over."""
    model = bytearray(rng.choice([BASE, BASE, BOM + BASE, OF_OPENSIM_3, (CASES / "own_contact.osim").read_bytes()]))
    near = model.index(b"<Blankevoort1991Ligament")
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(model)) if rng.random() < 0.5 else min(near + rng.randrange(-60, 1300), len(model) - 1)
        kind = rng.randrange(5)
        if kind == 0:
            model[at : at + 1] = bytes([rng.randrange(1, 256)])
        elif kind == 1:
            del model[at : at + rng.choice([1, 1, 2, 5, 20, 400])]
        elif kind == 2:
            other = rng.randrange(len(model))
            model[at:at] = model[other : other + rng.randrange(1, 60)]
        else:
            model[at:at] = rng.choice(TOKENS)
    return bytes(model)
