// Tries what another validator says: Ajv, strict, with and without the `u` flag, and how long it takes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Ajv2020 from "ajv/dist/2020.js";

const complain = (...said) => assert.fail(said.join(" "));
const logger = { log: complain, warn: complain, error: complain };
// What makes a pattern slow that can match in more than one way.
const slow = ["a", '"', " ", "“", "\u00a0", "a ", " a", '" ', "\r\n", ".", "a.", "a-", "aa-", "Bearer ", "https://a.", "A0"];

let tried = 0;
for (const { name, schema, good, cases, verdicts } of JSON.parse(readFileSync(0, "utf8"))) {
  for (const unicodeRegExp of [true, false]) {
    const ajv = new Ajv2020({ strict: true, strictTypes: true, allErrors: true, logger, code: { regExp: undefined }, unicodeRegExp });
    const validate = ajv.compile(schema);
    assert.ok(validate(good), name);
    cases.forEach(([field, value], index) => {
      tried += 1;
      const admitted = validate({ ...good, [field]: value });
      assert.equal(admitted, verdicts[index] === "1", `${name}: ${field} ${JSON.stringify(value)}`);
    });
    for (const field of Object.keys(schema.properties)) {
      for (const part of slow) {
        for (const end of ["", "\u0000", "\u0000a"]) {
          const value = part.repeat(65536 / part.length) + end;
          const start = performance.now();
          validate({ ...good, [field]: value });
          const took = performance.now() - start;
          assert.ok(took < 1000, `${name}: ${field} took ${took} ms for ${JSON.stringify(part)} … ${JSON.stringify(end)}`);
        }
      }
    }
  }
}
console.log(`Ajv says of ${tried} submissions what the other validator says`);
