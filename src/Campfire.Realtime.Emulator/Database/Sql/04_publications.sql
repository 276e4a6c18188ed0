-- A new project has an empty supabase_realtime, which belongs to postgres.
create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;

-- Realtime's own: broadcasts from the database leave through it.
create publication supabase_realtime_messages_publication for table realtime.messages;
