-- The roles of a new Supabase project. Passwords are set by the emulator, never here.
-- Runs as the cluster's superuser, supabase_admin.

create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;

-- PostgREST logs in as authenticator and becomes the role of the token; by itself it may do nothing.
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;

-- Those of anon and authenticated are PostgREST's to apply; service_role has what authenticator logged in with.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';

create role supabase_auth_admin nologin noinherit createrole;
create role supabase_realtime_admin nologin noinherit;

-- What Supabase calls postgres is not a superuser: a migration that needs one fails here as it fails there.
create role postgres login createdb createrole replication bypassrls;
grant anon, authenticated, service_role to postgres with admin option;

-- Schema public belongs to pg_database_owner, hence to postgres.
alter database postgres owner to postgres;
alter database postgres set timezone to 'UTC';

grant usage on schema public to anon, authenticated, service_role;

-- Supabase opens everything new in public to the API roles and leaves the rest to RLS. Whoever
-- creates a table or function there must revoke what is not wanted.
alter default privileges for role postgres in schema public
    grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
    grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
    grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
    grant all on sequences to postgres, anon, authenticated, service_role;

create schema extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role;
