-- The private schema. PostgREST does not expose it, and the API roles get no USAGE on it: they reach
-- its helpers only through policies and through the functions in public.

create schema if not exists campfire;
revoke all on schema campfire from public;
