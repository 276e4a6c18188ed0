-- realtime.messages has one partition a day. Without today's, realtime.send loses every broadcast and only
-- leaves a warning in the server's log; the messages are stored all the same.

select
    'partition_missing' as code,
    case day.ahead when 0 then 'error' else 'warning' end as severity,
    format('realtime.messages_%s', to_char(day.date, 'YYYY_MM_DD')) as object,
    format('realtime.messages has no partition for %s (%s, UTC): broadcasts of that day are lost.',
        day.date, case day.ahead when 0 then 'today' else 'tomorrow' end) as message,
    '-- Realtime makes the partitions when a client connects: join any channel. If that does not help, restart the project.' as fix
from (
    select ahead, (now() at time zone 'utc')::date + ahead as date from (values (0), (1)) as days (ahead)) day
where exists (select from pg_catalog.pg_partitioned_table where partrelid = to_regclass('realtime.messages'))
  and not exists (
    select
    from pg_catalog.pg_inherits child
    join pg_catalog.pg_class partition on partition.oid = child.inhrelid
    cross join pg_catalog.pg_get_expr(partition.relpartbound, partition.oid) as bound
    where child.inhparent = to_regclass('realtime.messages')
      and (bound = 'DEFAULT' or (
        coalesce(substring(bound from 'FROM \(''([^'']+)''\)')::timestamp, '-infinity') <= day.date
        and coalesce(substring(bound from 'TO \(''([^'']+)''\)')::timestamp, 'infinity') >= day.date + 1)))
