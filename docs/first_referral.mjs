// A whole partner system on one page: it offers a service, sends a referral, and answers those it is offered.
//
//     node first_referral.mjs HOME DIRECTORY                                      offer a service, and answer
//     node first_referral.mjs HOME DIRECTORY --refer-to redcross:SERVICE_ID       send one referral, and follow it
//
// HOME holds what your organisation was handed (credentials.json, private.jwk), DIRECTORY is everyone's public keys
// (directory.json). Needs `npm ci --prefix docs`, and Node 18 or later. What a real system adds: it keeps what it sends
// until the broker has confirmed it, and the ids of what it has applied, in its own database.

import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import amqp from "amqplib";
import { CompactEncrypt, calculateJwkThumbprint, compactDecrypt, importJWK } from "jose";

const CONTENT_TYPE = "application/cloudevents+json";
const WRAP = "ECDH-ES+A256KW";
const ENCRYPT = "A256GCM";

/** Encrypt what is about a person to the one organisation that may read it. */
async function seal(block, publicKey) {
  const header = { alg: WRAP, enc: ENCRYPT, kid: await calculateJwkThumbprint(publicKey) };
  const plain = new TextEncoder().encode(JSON.stringify(block));
  return new CompactEncrypt(plain).setProtectedHeader(header).encrypt(await importJWK(publicKey, WRAP));
}

/** Read what was sealed to us; throws when it was changed on the way, or is not for this key. */
async function openSealed(sealed, privateKey) {
  const only = { keyManagementAlgorithms: [WRAP], contentEncryptionAlgorithms: [ENCRYPT] };
  const { plaintext } = await compactDecrypt(sealed, await importJWK(privateKey, WRAP), only);
  return JSON.parse(new TextDecoder().decode(plaintext));
}

/** One organisation on the network. */
class Partner {
  constructor(home, directory) {
    this.handed = JSON.parse(readFileSync(join(home, "credentials.json"), "utf8"));
    this.name = this.handed.organisation;
    this.key = JSON.parse(readFileSync(join(home, "private.jwk"), "utf8"));
    this.organisations = JSON.parse(readFileSync(directory, "utf8")).organisations;
  }

  async connect() {
    this.connection = await amqp.connect(this.handed.amqp_url);
    this.channel = await this.connection.createConfirmChannel();
    await this.channel.prefetch(16);
  }

  /** Publish one message; returns when the broker has it. */
  async send(type, subject, data, cause = undefined) {
    const id = randomUUID();
    const message = {
      specversion: "1.0", id, source: this.name, type, subject, time: new Date().toISOString(),
      datacontenttype: "application/json", correlationid: cause?.correlationid ?? cause?.id ?? id,
      ...(cause && { causationid: cause.id }), data,
    };
    const properties = {
      contentType: CONTENT_TYPE, contentEncoding: "utf-8", persistent: true, mandatory: true,
      userId: this.name, // the broker checks it
    };
    this.channel.publish(this.handed.exchange, `${this.name}.${type}`, Buffer.from(JSON.stringify(message)), properties);
    await this.channel.waitForConfirms();
    console.log(`sent      ${type}`);
  }

  /** Tell the network of a service; its id stays the same at every start. */
  async offerService() {
    const hash = createHash("sha256").update(`${this.name} general medicine`).digest("hex");
    const service = hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, "$1-$2-8$3-8$4-$5"); // a UUID of version 8
    await this.send("service.published.v2", service, {
      service_id: service, name: "Medicina general", need_codes: ["health.consultation"], active: true, zones: ["08001"],
    });
    return service;
  }

  /** Register a person, record their consent, and ask another organisation to see them. */
  async refer(recipient, service) {
    const now = new Date().toISOString();
    const [person, consent, referral] = [randomUUID(), randomUUID(), randomUUID()];
    const block = { given_names: "Prueba", family_names: "De Red" };
    await this.send("person.registered.v1", person, {
      person_id: person, registered_at: now, sealed: await seal(block, this.organisations.hub.public_key),
    });
    await this.send("consent.granted.v1", consent, {
      consent_id: consent, person_id: person, purposes: ["refer"], recipients: [recipient], field_groups: ["identity"],
      valid_from: now, given_by: "person", manner: "signed", language: "es",
    });
    await this.send("referral.requested.v2", referral, {
      referral_id: referral, recipient, service_id: service, urgency: "normal", person_id: person,
      need_code: "health.consultation", reason_code: "service_not_offered", shares: ["identity"], consent_id: consent,
      contact: { channel: "phone", language: "es" },
      sealed: await seal(block, this.organisations[recipient].public_key),
    });
  }

  /** Show every message and answer the offers, until interrupted; one after the other. */
  async followInbox() {
    let before = Promise.resolve();
    await this.channel.consume(this.handed.queue, (frame) => {
      before = before.then(() => this.take(frame));
    });
  }

  /** Apply one message, then acknowledge it. */
  async take(frame) {
    const message = JSON.parse(frame.content.toString("utf8"));
    console.log(`received  ${message.type} ${message.data.state ?? message.data.code ?? ""}`);
    if (message.type === "referral.offered.v1") {
      const referral = message.data.referral_id;
      await openSealed(message.data.request.sealed, this.key);
      await this.send("referral.received.v1", referral, { referral_id: referral }, message);
      await this.send("referral.accepted.v1", referral, { referral_id: referral }, message);
    }
    this.channel.ack(frame);
  }
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { "refer-to": { type: "string" } } });
const partner = new Partner(...positionals);
await partner.connect();
process.once("SIGINT", () => process.exit(0));
if (values["refer-to"]) {
  await partner.refer(...values["refer-to"].split(":"));
} else {
  console.log(`offering  ${partner.name}:${await partner.offerService()}`);
}
await partner.followInbox();
