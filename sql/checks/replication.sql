-- Realtime reads what is broadcast from the database through a temporary replication slot, which lives as
-- long as clients are connected. A lag above 256 MB, or campfire.max_replication_lag in bytes, is reported.

with slot as (
    select
        slot_name::text as name, active, active_pid,
        pg_catalog.pg_wal_lsn_diff(
            case when pg_catalog.pg_is_in_recovery()
                then pg_catalog.pg_last_wal_replay_lsn()
                else pg_catalog.pg_current_wal_lsn()
            end,
            case when active then confirmed_flush_lsn else restart_lsn end) as lag
    from pg_catalog.pg_replication_slots
    where database = current_database() and slot_name like 'supabase\_realtime\_messages\_replication\_slot%'
)
select
    'replication_slot_missing' as code,
    'warning' as severity,
    'supabase_realtime_messages_replication_slot' as object,
    'Realtime does not read this database at present: broadcasts from it reach nobody. '
        || 'That is as it should be when no client has been connected for some minutes.' as message,
    '-- Join any channel (campfire doctor --live does) and look again; if the slot stays away, restart the project.' as fix
where not exists (select from slot where active)

union all
select
    'replication_lag', 'warning', slot.name,
    format('Realtime is %s behind with what this database broadcasts, so messages arrive late.', pg_size_pretty(slot.lag)),
    '-- Look for long transactions in pg_stat_activity, which hold the stream up. If there are none, restart the project.'
from slot
where slot.active
  and slot.lag > coalesce(nullif(current_setting('campfire.max_replication_lag', true), '')::numeric, 268435456)

union all
select
    'replication_slot_abandoned', 'warning', slot.name,
    format('Nobody reads from this slot of Realtime, and the server keeps %s of its log for it until the disk is full.',
        pg_size_pretty(slot.lag)),
    format('select pg_drop_replication_slot(%L)', slot.name)
from slot
where not slot.active
