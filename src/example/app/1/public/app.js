import { say, start } from './core.js';

start().catch((error) => say(error.message));

// Features; modules are loaded before the line above runs.
