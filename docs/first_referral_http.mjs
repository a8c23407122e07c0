// A whole partner system on one page, by HTTP: it offers a service, sends a referral, and answers those it is offered.
//
//     node first_referral_http.mjs HOME DIRECTORY                                      offer a service, and answer
//     node first_referral_http.mjs HOME DIRECTORY --refer-to redcross:SERVICE_ID       send one referral, and follow it
//
// HOME holds what your organisation was handed (credentials.json, private.jwk), DIRECTORY is everyone's public keys
// (directory.json). Needs `npm ci --prefix docs`, for sealing, and Node 18 or later. What a real system adds: it keeps
// what it sends until it is answered, and the ids of what it has applied, in its own database.

import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { CompactEncrypt, calculateJwkThumbprint, compactDecrypt, importJWK } from "jose";

const CLOUD_EVENT = "application/cloudevents+json";
const AGAIN = [408, 429, 500, 503]; // what may be sent again as it is
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
    const handed = JSON.parse(readFileSync(join(home, "credentials.json"), "utf8"));
    [this.name, this.url, this.apiKey] = [handed.organisation, handed.http_url, handed.api_key];
    this.key = JSON.parse(readFileSync(join(home, "private.jwk"), "utf8"));
    this.organisations = JSON.parse(readFileSync(directory, "utf8")).organisations;
  }

  /** Ask until there is an answer; the same bytes may be sent again, and are accepted once. */
  async ask(path, body = undefined, headers = {}) {
    const method = body === undefined ? "GET" : "POST";
    const said = { authorization: `Bearer ${this.apiKey}`, "accept-language": "en", ...headers };
    const bytes = body === undefined ? undefined : JSON.stringify(body);
    for (;;) {
      let wait = 2;
      try {
        const answer = await fetch(this.url + path, {
          method, headers: said, body: bytes, signal: AbortSignal.timeout(60_000),
        });
        const text = await answer.text();
        if (answer.ok) return JSON.parse(text);
        if (!AGAIN.includes(answer.status)) {
          console.error(`${answer.status} ${text}`);
          process.exit(1);
        }
        wait = Number(answer.headers.get("retry-after") ?? wait);
      } catch (error) {
        if (error instanceof SyntaxError) throw error;
        // nobody is there just now, or the connection was cut
      }
      await sleep(wait * 1000);
    }
  }

  /** Send one message, and say what became of it. */
  async send(type, subject, data, cause = undefined) {
    const message = {
      specversion: "1.0", id: randomUUID(), source: this.name, type, subject, time: new Date().toISOString(),
      ...(cause && { causationid: cause.id, correlationid: cause.correlationid ?? cause.id }), data,
    };
    const answer = await this.ask("/v1/messages", message, { "content-type": CLOUD_EVENT, prefer: "wait=5" });
    console.log(`sent      ${type} ${answer.state ?? "accepted"}`);
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

  /** Show every message and answer the offers, until interrupted. */
  async followInbox() {
    for (let after = ""; ; ) {
      const page = await this.ask(`/v1/inbox?wait=30${after}`);
      for (const { message } of page.messages) {
        if (message) await this.take(message); // what was erased or has expired has none
      }
      if (page.messages.length) {
        const json = { "content-type": "application/json" };
        await this.ask("/v1/inbox/acknowledge", { through: page.next }, json);
      }
      after = `&after=${page.next}`;
    }
  }

  /** Apply one message. */
  async take(message) {
    console.log(`received  ${message.type} ${message.data.state ?? message.data.code ?? ""}`);
    if (message.type === "referral.offered.v1") {
      const referral = message.data.referral_id;
      await openSealed(message.data.request.sealed, this.key);
      await this.send("referral.received.v1", referral, { referral_id: referral }, message);
      await this.send("referral.accepted.v1", referral, { referral_id: referral }, message);
    }
  }
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { "refer-to": { type: "string" } } });
const partner = new Partner(...positionals);
process.once("SIGINT", () => process.exit(0));
if (values["refer-to"]) {
  await partner.refer(...values["refer-to"].split(":"));
} else {
  console.log(`offering  ${partner.name}:${await partner.offerService()}`);
}
await partner.followInbox();
