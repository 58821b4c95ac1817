#!/usr/bin/env python3
"""A check for fraud that shares no code with ballet: what it knows is in docs/reference/wire.md.

    participant.py asked  HOST:PORT MEMORY    answers the commands on `fraud.commands`
    participant.py reacts HOST:PORT MEMORY    says of every order that is created how it was checked

MEMORY is an SQLite file. With `--die-at remembered` or `--die-at sent` the process kills itself, once it
has written down what comes of a message, or once that has reached Kafka and nobody knows.
"""

import argparse
import json
import os
import signal
import sqlite3
import sys
import uuid
from datetime import datetime, timezone

from kafka import KafkaConsumer, KafkaProducer

NAME = "fraud"
LIMIT_MINOR = 200_000
VALIDATIONS = "shop.order-validations.v1"
OWN_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fraud")


def partition(key: bytes, partitions: int) -> int:
    """Murmur2 with the seed of Apache Kafka's default partitioner."""
    m = 0x5BD1E995
    hash = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at:at + 4], "little") * m & 0xFFFFFFFF
        word = (word ^ word >> 24) * m & 0xFFFFFFFF
        hash = hash * m & 0xFFFFFFFF ^ word
    if whole < len(key):
        hash = (hash ^ int.from_bytes(key[whole:], "little")) * m & 0xFFFFFFFF
    hash = (hash ^ hash >> 13) * m & 0xFFFFFFFF
    return ((hash ^ hash >> 15) & 0x7FFFFFFF) % partitions


class Message:
    """A record whose headers are those of a message. Of a name that comes twice the last one counts."""

    def __init__(self, record):
        self.key = record.key
        self.headers = {name: value.decode() for name, value in record.headers}
        if self.headers["ce_specversion"] != "1.0" or self.key is None:
            raise ValueError("no CloudEvent 1.0 with a key")
        self.id = self.headers["ce_id"]
        self.type = self.headers["ce_type"]
        self.kind = self.headers.get("ce_kind", "event")
        self.body = json.loads(record.value)

    def pair(self):
        return "/".join(self.headers[name] for name in ("ce_saga", "ce_run", "ce_step"))

    def is_back(self):
        return self.headers["ce_way"] == "back"

    def follow(self, kind, type):
        """The headers of what follows from it."""
        headers = {
            "ce_specversion": "1.0",
            "content-type": "application/json",
            # The same for the same cause: who sends it again does not say it twice.
            "ce_id": str(uuid.uuid5(OWN_IDS, self.id)),
            "ce_source": NAME,
            "ce_type": type,
            "ce_time": datetime.now(timezone.utc).isoformat(),
            "ce_kind": kind,
            "ce_correlation": self.headers.get("ce_correlation", self.id),
            "ce_causation": self.id,
            "ce_hop": str(int(self.headers.get("ce_hop", "0")) + 1),
        }
        if "traceparent" in self.headers:
            headers["traceparent"] = self.headers["traceparent"]
        return headers


class Memory:
    """What was done, said and counted, in one file and one transaction for each message."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript("""
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS pairs (pair TEXT PRIMARY KEY, stands TEXT, answer TEXT, undone TEXT);
            CREATE TABLE IF NOT EXISTS said (cause TEXT PRIMARY KEY, headers TEXT, body TEXT);
            CREATE TABLE IF NOT EXISTS tried (order_id TEXT PRIMARY KEY, customer TEXT, minor INTEGER);
        """)

    def one(self, text, *values):
        return self.db.execute(text, values).fetchone()

    def assess(self, order):
        """What the customer has tried to spend with this order; each order counts once."""
        values = (order["order_id"], order["customer_id"], order["total_minor"])
        self.db.execute("INSERT OR IGNORE INTO tried VALUES (?, ?, ?)", values)
        return self.one("SELECT sum(minor) FROM tried WHERE customer = ?", order["customer_id"])[0]

    def answer(self, command):
        """The answer to a command, the same whenever it comes again."""
        known = self.one("SELECT stands, answer, undone FROM pairs WHERE pair = ?", command.pair())
        if command.is_back():
            return self.undo(command.pair(), known)
        if known is None:
            answer = json.dumps(self.judged(command.body["order"]))
            stands = "done" if "done" in answer else "refused"
            self.db.execute(
                "INSERT INTO pairs VALUES (?, ?, ?, NULL)", (command.pair(), stands, answer))
            return answer
        if known[2] is not None:
            return json.dumps({"refused": {"code": "taken_back", "detail": "it was taken back"}})
        return known[1]

    def judged(self, order):
        total = self.assess(order)
        if total < LIMIT_MINOR:
            return {"done": {"window_total_minor": total}}
        return {"refused": {"code": "failed_fraud", "detail": f"window_over_limit: {total}"}}

    def undo(self, pair, known):
        if known is not None and known[2] is not None:
            return known[2]
        undone = json.dumps({"compensated": {"made": known is not None and known[0] == "done"}})
        self.db.execute(
            "INSERT INTO pairs VALUES (?, 'void', NULL, ?) ON CONFLICT (pair) DO UPDATE SET undone = ?",
            (pair, undone, undone))
        return undone

    def remember(self, cause, headers, body):
        values = (cause, json.dumps(headers), body)
        self.db.execute("INSERT INTO said VALUES (?, ?, ?)", values)

    def said(self, cause):
        return self.one("SELECT headers, body FROM said WHERE cause = ?", cause)


def reply(memory, command):
    """The topic, headers and body of a reply; `None` if nobody waits for one."""
    body = memory.answer(command)
    if "ce_replyto" not in command.headers:
        return None
    headers = command.follow("reply", command.type + ".reply")
    for name in ("ce_saga", "ce_run", "ce_step", "ce_way", "ce_round", "ce_attempt"):
        if name in command.headers:
            headers[name] = command.headers[name]
    return command.headers["ce_replyto"], headers, body


def checked(memory, created):
    """The topic, headers and body of what is said of a new order: the first time written down, and from
    then on the same."""
    if memory.said(created.id) is None:
        total = memory.assess(created.body)
        passes = total < LIMIT_MINOR
        body = json.dumps({
            "order_id": created.body["order_id"],
            "check": "fraud",
            "verdict": "pass" if passes else "fail",
            "reasons": [] if passes else [f"window_over_limit: {total}"],
            "validator": NAME,
            "validator_version": 1,
            "mode": "gating",
            "evidence": {"window_total_minor": total},
        })
        memory.remember(created.id, created.follow("event", "order.checked"), body)
    headers, body = memory.said(created.id)
    return VALIDATIONS, json.loads(headers), body


# What each way of taking part reads, which messages it handles, and how.
WAYS = {
    "asked": (f"{NAME}.commands", ("command", "fraud.assess"), reply),
    "reacts": ("shop.orders.v1", ("event", "order.created"), checked),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("servers")
    parser.add_argument("memory")
    parser.add_argument("--die-at", choices=("remembered", "sent"))
    args = parser.parse_args()

    def reached(point):
        if args.die_at == point:
            os.kill(os.getpid(), signal.SIGKILL)

    topic, wanted, handle = WAYS[args.way]
    memory = Memory(args.memory)
    producer = KafkaProducer(bootstrap_servers=args.servers, acks="all", linger_ms=0)
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=args.servers,
        group_id=NAME,
        # Who comes back under the same name takes its partitions at once.
        group_instance_id=f"{NAME}-1",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    counts = {}
    say(f"reads {topic}")
    for record in consumer:
        try:
            message = Message(record)
        except (KeyError, ValueError) as why:
            say(f"passes over what is no message: {why!r}")
            continue
        if (message.kind, message.type) != wanted:
            continue
        memory.db.execute("BEGIN IMMEDIATE")
        sending = handle(memory, message)
        memory.db.execute("COMMIT")
        reached("remembered")
        if sending is not None:
            to, headers, body = sending
            if to not in counts:
                counts[to] = len(producer.partitions_for(to))
            producer.send(
                to,
                key=message.key,
                partition=partition(message.key, counts[to]),
                headers=[(name, value.encode()) for name, value in headers.items()],
                value=body.encode(),
            ).get(timeout=60)
            say(f"said {headers['ce_type']} of {message.key.decode()}: {body}")
        reached("sent")
        consumer.commit()


def say(what):
    print(f"participant: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
