-- Without its one row no limit holds for visitors.

select
    'settings_missing' as code,
    'error' as severity,
    'campfire.settings' as object,
    'The table is empty, so visitors may write as much and as fast as they like.' as message,
    'insert into campfire.settings default values' as fix
where not exists (select from campfire.settings)
