#!/usr/bin/python3
"""Verifies messages of the uplink: an independent second implementation of docs/wire-format.md.

It shares no code with the hub, and exists to prove that the document, the names file and the test
vectors suffice. Debian: python3-cbor2, python3-cryptography.

    verify.py hub/test-vectors/*.json
"""
import hashlib
import json
import math
import pathlib
import re
import struct
import sys
import zlib

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

DELIVERED_MAX = 64 * 1024
INFLATED_MAX = 256 * 1024
DEPTH_MAX = 8
SAFE_MAX = 2**53 - 1
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
COSE_ALGORITHM = {"Ed25519": -8, "ES256": -7}
STREAM_OF_SUFFIX = {"up/a": 1, "up/s": 2, "up/b": 3}
NAMES = json.loads(
    (pathlib.Path(__file__).parent.parent / "docs" / "wire-names.json").read_text()
)
TABLES = NAMES["messages"]


class Refused(Exception):
    def __init__(self, layer, reason):
        super().__init__(f"{layer}: {reason}")
        self.layer = layer
        self.reason = reason


def refuse(layer, reason):
    raise Refused(layer, reason)


# --- envelope and signature -------------------------------------------------------------------


def read_head(data, at):
    """Major type, argument, next offset, and whether the head is as short as it can be."""
    if at >= len(data):
        refuse("signature", "envelopeUnreadable")
    major, info = data[at] >> 5, data[at] & 0x1F
    if info < 24:
        return major, info, at + 1, True
    if info > 27:
        refuse("signature", "envelopeUnreadable")
    width = 1 << (info - 24)
    argument = int.from_bytes(data[at + 1 : at + 1 + width], "big")
    least = {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[width]
    return major, argument, at + 1 + width, argument >= least


def read_bstr(data, at):
    major, length, start, minimal = read_head(data, at)
    if major != 2 or start + length > len(data):
        refuse("signature", "envelopeUnreadable")
    return data[start : start + length], start + length, minimal


def read_envelope(data):
    tagged = data[:1] == b"\xd2"
    at = 1 if tagged else 0
    if data[at : at + 1] != b"\x84":
        refuse("signature", "envelopeUnreadable")
    protected, at, strict_protected = read_bstr(data, at + 1)
    major, pairs, at, _ = read_head(data, at)
    if major != 5:
        refuse("signature", "envelopeUnreadable")
    for _ in range(pairs):  # only small integers and byte strings are skipped
        _, _, at, _ = read_head(data, at)
        _, at, _ = read_bstr(data, at)
    payload, at, strict_payload = read_bstr(data, at)
    signature, at, strict_signature = read_bstr(data, at)
    if len(signature) != 64:
        refuse("signature", "envelopeUnreadable")
    fault = None
    if at != len(data):
        fault = "trailingBytes"
    if not (tagged and pairs == 0 and strict_protected and strict_payload and strict_signature):
        fault = "envelopeNotStrict"
    return protected, payload, signature, fault


def bstr(data):
    return cbor2.dumps(data)


def verify_signature(algorithm, public_key, signed, signature):
    try:
        if algorithm == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
        else:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        refuse("signature", "signatureInvalid")


# --- strict encoding --------------------------------------------------------------------------


def inflate(payload):
    engine = zlib.decompressobj(-15)
    try:
        data = engine.decompress(payload, INFLATED_MAX + 1)
    except zlib.error:
        refuse("encoding", "payloadNotDeflate")
    if len(data) > INFLATED_MAX:
        refuse("encoding", "inflatedTooLarge")
    if not engine.eof:
        refuse("encoding", "payloadNotDeflate")
    if engine.unused_data:
        refuse("encoding", "trailingBytes")
    return data


def shortest_float(value):
    for form in ("e", "f"):
        try:
            if struct.unpack(">" + form, struct.pack(">" + form, value))[0] == value:
                return struct.calcsize(form)
        except OverflowError:
            pass
    return 8


def scan(data, at, depth):
    """Offset behind the item at `at`; refuses what isn't deterministic."""
    if at >= len(data):
        refuse("encoding", "notWellFormed")
    major, info = data[at] >> 5, data[at] & 0x1F
    if info == 31:
        refuse("encoding", "indefiniteLength")
    if major == 6:
        refuse("encoding", "tagInside")
    if major == 7:
        return scan_simple(data, at, info)
    if info > 27:
        refuse("encoding", "notWellFormed")
    width = 0 if info < 24 else 1 << (info - 24)
    if at + 1 + width > len(data):
        refuse("encoding", "notWellFormed")
    argument = info if width == 0 else int.from_bytes(data[at + 1 : at + 1 + width], "big")
    if argument > SAFE_MAX - (major == 1):
        refuse("encoding", "integerTooLarge")
    if width and argument < {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[width]:
        refuse("encoding", "notMinimal")
    at += 1 + width
    if major < 2:
        return at
    if major < 4:
        if at + argument > len(data):
            refuse("encoding", "notWellFormed")
        if major == 3:
            if data[at : at + argument].startswith(b"\xef\xbb\xbf"):
                refuse("encoding", "textNotUtf8")
            try:
                data[at : at + argument].decode("utf-8")
            except UnicodeDecodeError:
                refuse("encoding", "textNotUtf8")
        return at + argument
    if depth >= DEPTH_MAX:
        refuse("encoding", "tooDeep")
    previous = None
    for _ in range(argument):
        start = at
        at = scan(data, at, depth + 1)
        if major == 5:
            key = data[start:at]
            if previous is not None and key <= previous:
                refuse("encoding", "duplicateKey" if key == previous else "keysNotSorted")
            previous = key
            at = scan(data, at, depth + 1)
    return at


def scan_simple(data, at, info):
    if 20 <= info <= 22:
        return at + 1
    if info not in (25, 26, 27):
        refuse("encoding", "valueNotAllowed")
    width = 1 << (info - 24)
    if at + 1 + width > len(data):
        refuse("encoding", "notWellFormed")
    (value,) = struct.unpack({2: ">e", 4: ">f", 8: ">d"}[width], data[at + 1 : at + 1 + width])
    if not math.isfinite(value):
        refuse("encoding", "valueNotAllowed")
    if shortest_float(value) < width or (value.is_integer() and abs(value) <= SAFE_MAX):
        refuse("encoding", "floatNotShortest")
    return at + 1 + width


def decode_strict(data):
    end = scan(data, 0, 0)
    if end != len(data):
        refuse("encoding", "trailingBytes")
    return cbor2.loads(data)


# --- names ------------------------------------------------------------------------------------


def agent_id(raw):
    bits = int.from_bytes(raw, "big") << 2
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[(bits >> shift) & 31] for shift in range(125, -1, -5))


def agent_id_of(public_key):
    return agent_id(hashlib.sha256(public_key).digest()[:16])


def address_text(raw):
    import ipaddress

    if len(raw) == 8:
        return raw.hex()
    if len(raw) not in (4, 16):
        refuse("rule", "fieldLimit")
    address = ipaddress.ip_address(raw)
    return str(address)


def address_is_compact(text):
    import ipaddress

    if re.fullmatch(r"[0-9a-f]{16}", text):
        return True
    try:
        return str(ipaddress.ip_address(text)) == text
    except ValueError:
        return False


def want(condition, reason):
    if not condition:
        refuse("rule", reason)


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def named(about, wire, state):
    kind = about["type"]
    if kind == "constant":
        want(wire == about["code"], "kindUnknown")
        return about["word"]
    if kind == "uint":
        want(is_int(wire), "fieldType")
        want(about["min"] <= wire <= about["max"], "fieldLimit")
        return wire
    if kind == "difference":
        want(is_int(wire), "fieldType")
        want(-SAFE_MAX <= wire <= SAFE_MAX, "fieldLimit")
        return wire
    if kind in ("base", "sinceBase"):
        want(is_int(wire), "fieldType")
        value = wire if kind == "base" else state["base"] + wire
        want(0 <= value <= SAFE_MAX, "fieldLimit")
        if kind == "base":
            state["base"] = value
        return value
    if kind == "number":
        want(is_int(wire) or isinstance(wire, float), "fieldType")
        want(about["min"] <= wire <= about["max"], "fieldLimit")
        return wire
    if kind == "bool":
        want(isinstance(wire, bool), "fieldType")
        return wire
    if kind == "choice":
        want(is_int(wire), "fieldType")
        want(0 <= wire < len(about["words"]), "fieldLimit")
        return about["words"][wire]
    if kind == "text":
        want(isinstance(wire, str), "fieldType")
        want(len(wire.encode()) <= about["bytesMax"], "fieldLimit")
        return wire
    if kind == "blob":
        want(isinstance(wire, bytes), "fieldType")
        want(len(wire) <= about["bytesMax"], "fieldLimit")
        return wire.hex()
    if kind in ("bytes", "hex", "agentId"):
        want(isinstance(wire, bytes), "fieldType")
        want(len(wire) == about.get("length", 16), "fieldLimit")
        return agent_id(wire) if kind == "agentId" else wire.hex()
    if kind == "address":
        if isinstance(wire, bytes):
            return address_text(wire)
        want(isinstance(wire, str), "fieldType")
        want(len(wire.encode()) <= 64, "fieldLimit")
        want(not address_is_compact(wire), "notCanonical")
        return wire
    return named_container(about, wire, state)


def named_container(about, wire, state):
    kind = about["type"]
    if kind == "list":
        want(isinstance(wire, (list, tuple)), "fieldType")
        want(len(wire) <= about["max"], "fieldLimit")
        return [named(about["of"], part, state) for part in wire]
    if kind == "map":
        want(isinstance(wire, dict), "fieldType")
        want(all(is_int(key) and key >= 0 for key in wire), "fieldType")
        result = {}
        for field in about["fields"]:
            if field["key"] in wire:
                result[field["name"]] = named(field["of"], wire[field["key"]], state)
            else:
                want(field["optional"], "fieldMissing")
        return result
    want(isinstance(wire, (list, tuple)), "fieldType")
    if kind == "row":
        return named_row(about["fields"], wire, state)
    if len(wire) == 0:
        return []
    want(all(isinstance(column, (list, tuple)) for column in wire), "fieldType")
    fields = about["of"]["fields"]
    want(len(wire) >= sum(not field["optional"] for field in fields), "fieldMissing")
    want(len({len(column) for column in wire[: len(fields)]}) == 1, "fieldType")
    want(len(wire[0]) > 0, "notCanonical")
    want(len(wire[0]) <= about["max"], "fieldLimit")
    return [named_row(fields, [column[i] for column in wire[: len(fields)]], state) for i in range(len(wire[0]))]


def named_row(fields, wire, state):
    result = {}
    for field in fields:
        if field["optional"] and field["key"] >= len(wire):
            continue
        want(field["key"] < len(wire), "fieldMissing")
        part = wire[field["key"]]
        if part is None and field["optional"]:
            continue
        result[field["name"]] = named(field["of"], part, state)
    return result


# --- rules ------------------------------------------------------------------------------------

KIND_TABLES = {about["fields"][0]["of"]["code"]: about for about in TABLES.values()}
HUB_KINDS = ("receipt", "request", "advisory", "certificate")
STREAM_OF_KIND = {
    "alert": 1,
    "statement": 1,
    "advisoryAnswer": 1,
    "keyRotation": 1,
    "renewalRequest": 1,
    "summary": 2,
    "summaryDelta": 2,
    "evidence": 3,
}
ADVISORY_MAX = 4096
ADVISORY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SECTOR = re.compile(r"[a-z][a-z0-9-]{0,31}")
KEY_BYTES = {"Ed25519": 32, "ES256": 65}


def message_of(wire, hub_kind):
    want(isinstance(wire, dict), "fieldType" if hub_kind else "kindUnknown")
    about = TABLES[hub_kind] if hub_kind else KIND_TABLES.get(wire.get(1))
    want(about is not None, "kindUnknown")
    want(hub_kind or about["fields"][0]["of"]["word"] not in HUB_KINDS, "kindUnknown")
    message = named(about, wire, {"base": 0})
    if hub_kind:
        hub_rules(message)
    else:
        agent_rules(message)
    return message


def hub_rules(message):
    if message["kind"] == "receipt":
        above = message["cumulative"] + 1
        for part in message["have"]:
            want(above < part["from"] <= part["to"], "fieldLimit")
            above = part["to"] + 1
        want(message["cumulative"] > 0 or message["cumulativeSha256"] == "00" * 32, "fieldLimit")
    elif message["kind"] == "request":
        want(all(part["from"] <= part["to"] for part in message["resend"]), "fieldLimit")
    elif message["kind"] == "advisory":
        want(ADVISORY_ID.fullmatch(message["advisoryId"]), "fieldLimit")
        want(SECTOR.fullmatch(message["sector"]), "fieldLimit")
        want(message["expiresMs"] > message["issuedMs"], "timeReversed")


def agent_rules(message):
    kind = message["kind"]
    first = message["sequence"] == 1
    want(first == (kind == "epochBegins"), "epochNotBegun")
    want(not first or message["previousSha256"] == "00" * 32, "epochNotBegun")
    want(message["stream"] == STREAM_OF_KIND.get(kind, message["stream"]), "streamMismatch")
    if kind == "alert":
        want(message["lastSeenUs"] >= message["firstSeenUs"], "timeReversed")
    if kind in ("summary", "summaryDelta"):
        want(message["toUs"] >= message["fromUs"], "timeReversed")
        part_rule(message.get("part", {"number": 1, "of": 1}))
        for part in message.get("blind", []):
            want(part["toUs"] >= part["fromUs"], "timeReversed")
    if kind == "summaryDelta":
        want(message["baseSequence"] < message["sequence"], "fieldLimit")
    if kind == "tombstone":
        want(0 < message["messages"] <= message["to"] - message["from"] + 1, "fieldLimit")
    if kind == "statement":
        times = message.get("fromUs", 0), message.get("toUs", message.get("fromUs", 0))
        want(message["code"] == "clockStepped" or times[0] <= times[1], "timeReversed")
        places = message.get("from", 0), message.get("to", message.get("from", 0))
        want(places[0] <= places[1], "fieldLimit")
    if kind == "advisoryAnswer":
        want(ADVISORY_ID.fullmatch(message["advisoryId"]), "fieldLimit")
    if kind == "evidence":
        part_rule(message["part"])
    if kind == "keyRotation":
        rotation_rule(message)


def part_rule(part):
    want(part["number"] <= part["of"], "fieldLimit")


def rotation_rule(message):
    key, algorithm = bytes.fromhex(message["newPublicKey"]), message["newAlgorithm"]
    want(len(key) == KEY_BYTES[algorithm], "fieldLimit")
    name = f"{message['agentId']}/{message['newKeyNumber']}"
    proof = f"ft/v1 keyRotation {name} {algorithm} {message['newPublicKey']}".encode()
    signature = bytes.fromhex(message["newSignature"])
    try:
        verify_signature(algorithm, key, proof, signature)
    except Refused:
        refuse("rule", "newKeyUnproven")
    if algorithm == "ES256":
        want(int.from_bytes(signature[32:], "big") <= P256_ORDER // 2, "newKeyUnproven")


def hub_kind_of(topic):
    if topic.startswith("ft/v1/adv/"):
        return "advisory"
    kinds = {"dn/r": "receipt", "dn/c": "request", "dn/k": "certificate"}
    return kinds.get("/".join(topic.split("/")[3:]))


def open_message(vector, seen):
    data = bytes.fromhex(vector["messageHex"])
    topic = vector["topic"]
    hub_kind = hub_kind_of(topic)
    if len(data) > (ADVISORY_MAX if hub_kind == "advisory" else DELIVERED_MAX):
        refuse("encoding", "tooLarge")
    protected, payload, signature, fault = read_envelope(data)
    header = cbor2.loads(protected)
    kid = header.get(4, b"").decode("utf-8", "replace")
    match = re.fullmatch(r"([a-z2-7]{26})/([1-9][0-9]{0,8})", kid)
    if match is None:
        refuse("signature", "envelopeUnreadable")
    signed = b"\x84" + cbor2.dumps("Signature1") + bstr(protected) + bstr(topic.encode()) + bstr(payload)
    verify_signature(vector["algorithm"], bytes.fromhex(vector["publicKeyHex"]), signed, signature)
    if vector["algorithm"] == "ES256" and int.from_bytes(signature[32:], "big") > P256_ORDER // 2:
        refuse("encoding", "signatureNotCanonical")
    scan(protected, 0, 0)
    if set(header) != {1, 4}:
        fault = "envelopeNotStrict"
    if fault:
        refuse("encoding", fault)
    inflated = inflate(payload)
    want(header[1] == COSE_ALGORITHM[vector["algorithm"]], "algorithmMismatch")
    wire = decode_strict(inflated)
    message = message_of(wire, hub_kind)
    levels = topic.split("/")
    if not hub_kind:
        want(match[1] == message["agentId"], "signerMismatch")
        if message["kind"] == "keyRotation":
            want(message["newKeyNumber"] > int(match[2]), "fieldLimit")
        want(STREAM_OF_SUFFIX["/".join(levels[3:])] == message["stream"], "streamMismatch")
    owner = message["sector"] if hub_kind == "advisory" else message["agentId"]
    want(owner == levels[3 if hub_kind == "advisory" else 2], "topicMismatch")
    delivered = vector.get("deliveredTopic", topic)
    want(delivered == topic or delivered.endswith("/" + topic), "topicMismatch")
    if not hub_kind:
        check_chain(message, hashlib.sha256(data).hexdigest(), seen)
    return message


def check_chain(message, digest, seen):
    place = (message["agentId"], message["epoch"], message["stream"])
    sequence = message["sequence"]
    want(seen.get((*place, sequence), digest) == digest, "forked")
    previous = message["previousSha256"]
    want(seen.get((*place, sequence - 1), previous) == previous, "forked")
    seen[(*place, sequence)] = digest


def main(paths):
    total = right = 0
    for path in paths:
        seen = {}
        for vector in json.loads(pathlib.Path(path).read_text()):
            total += 1
            try:
                message = open_message(vector, seen)
                verdict = {"valid": True}
                stated = {"valid": vector["valid"]}
                if "payload" in vector and message != vector["payload"]:
                    verdict["payload"] = "differs"
            except Refused as refused:
                verdict = {"valid": False, "layer": refused.layer, "reason": refused.reason}
                stated = {key: vector.get(key) for key in verdict}
            if verdict == stated:
                right += 1
            else:
                print(f"{path}: {vector['name']}: stated {stated}, found {verdict}")
    print(f"{right} of {total} as stated")
    return 0 if right == total and total > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
