--- `strategy { ... }` declares a strategy: `local strategy = require "strategy"`. See runtime/declaration.lua for what it checks.
return require("tidelock.runtime.declaration").declare
