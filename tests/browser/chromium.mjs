// The Chromium that is installed.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const executablePath = process.env.PATH.split(delimiter).map((folder) => join(folder, process.env.CHROMIUM)).find(existsSync);

export const launch = (...args) =>
  chromium.launch({ executablePath, args: ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", ...args] });
