-- The tables. Those that a database in use may have already get only what they lack: each column stands here
-- once, for a new table and for an adopted one. What must be filled before it can be required, 0006 and 0007
-- fill and require.

create table if not exists public.organizations (
    id uuid primary key default gen_random_uuid(),
    name text not null constraint chk_organizations_name check (length(name) between 1 and 200),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- user_id is the sub of the agent's token. There is no foreign key to auth.users, so that agents may
-- also come from another identity provider.
create table if not exists public.organization_members (
    organization_id uuid not null constraint fk_organization_members_organization_id
        references public.organizations on delete cascade,
    user_id uuid not null,
    primary key (organization_id, user_id)
);
alter table public.organization_members
    add column if not exists role text not null default 'agent'
        constraint chk_organization_members_role check (role in ('owner', 'admin', 'agent', 'viewer')),
    add column if not exists display_name text
        constraint chk_organization_members_display_name check (length(display_name) <= 200),
    add column if not exists created_at timestamptz not null default now();
create index if not exists idx_organization_members_user_id on public.organization_members (user_id);

create table public.widget_keys (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null constraint fk_widget_keys_organization_id
        references public.organizations on delete cascade,
    public_key text not null unique constraint chk_widget_keys_public_key check (length(public_key) between 8 and 200),
    allowed_origins text[] not null default '{}',
    is_enabled boolean not null default true,
    created_at timestamptz not null default now()
);
create index idx_widget_keys_organization_id on public.widget_keys (organization_id);

-- Every stored event changes its conversation's row. The free space keeps those updates on the same
-- page, and no index holds a column that they change, so they cost no index entry (HOT). What a value may be, the
-- triggers check, here, in messages and in the log: PostgreSQL parses a check constraint anew for each statement that
-- writes the table, and ten of them cost a tenth of a message.
create table if not exists public.conversations (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null
);
alter table public.conversations
    -- A conversation of before has a visitor whom nobody knows, hence a token for it that nobody gets.
    add column if not exists visitor_id uuid not null default gen_random_uuid(),
    add column if not exists customer_name text,
    add column if not exists customer_email text,
    add column if not exists status campfire.conversation_status not null default 'open',
    add column if not exists priority campfire.conversation_priority not null default 'medium',
    add column if not exists assigned_agent_id uuid,
    add column if not exists handler_type text not null default 'none',
    add column if not exists handler_id text,
    add column if not exists handler_epoch bigint not null default 0,
    add column if not exists handover_requested_at timestamptz,
    add column if not exists handover_reason text,
    add column if not exists handover_summary text,
    add column if not exists last_sequence bigint not null default 0,
    add column if not exists version bigint not null default 1,
    add column if not exists last_message_preview text,
    add column if not exists last_message_at timestamptz,
    add column if not exists last_message_sender_type text,
    add column if not exists tags text[] not null default '{}',
    add column if not exists customer_ip inet,
    add column if not exists customer jsonb not null default '{}',
    add column if not exists metadata jsonb not null default '{}',
    add column if not exists ai_metadata jsonb,
    add column if not exists assignment_metadata jsonb,
    add column if not exists created_at timestamptz not null default now(),
    add column if not exists updated_at timestamptz not null default now(),
    set (fillfactor = 70);
create index if not exists idx_conversations_organization_id_visitor_id
    on public.conversations (organization_id, visitor_id, created_at);

-- organization_id repeats the conversation's, so that policies need no join; a trigger keeps it true.
create table if not exists public.messages (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null
);
alter table public.messages
    add column if not exists organization_id uuid,
    add column if not exists sequence bigint,
    add column if not exists content text not null,
    add column if not exists sender_type text not null,
    add column if not exists sender_id text,
    add column if not exists sender_name text,
    add column if not exists sender_email text,
    add column if not exists handler_epoch bigint,
    add column if not exists metadata jsonb not null default '{}',
    add column if not exists ai_metadata jsonb,
    add column if not exists attachments jsonb not null default '[]',
    add column if not exists edited_at timestamptz,
    add column if not exists deleted_at timestamptz,
    add column if not exists created_at timestamptz not null default now();
create index if not exists idx_messages_organization_id on public.messages (organization_id);

create table public.message_attachments (
    id uuid primary key default gen_random_uuid(),
    message_id uuid not null constraint fk_message_attachments_message_id
        references public.messages on delete cascade,
    conversation_id uuid not null,
    organization_id uuid not null,
    file_name text not null,
    content_type text not null,
    size_bytes bigint not null,
    storage_path text not null,
    created_at timestamptz not null default now()
);
create index idx_message_attachments_message_id on public.message_attachments (message_id);
create index idx_message_attachments_conversation_id on public.message_attachments (conversation_id);
create index idx_message_attachments_organization_id on public.message_attachments (organization_id);

-- The log: what happened in a conversation, in the order of sequence, without holes. A message's
-- payload is not repeated here but read from messages; every other event keeps its own in data.
create table public.conversation_events (
    conversation_id uuid not null constraint fk_conversation_events_conversation_id
        references public.conversations on delete cascade,
    sequence bigint not null,
    event text not null,
    message_id uuid,
    actor_type text not null,
    actor_id text,
    data jsonb,
    created_at timestamptz not null default now(),
    primary key (conversation_id, sequence)
);

-- Watermarks: everything up to and including that sequence was delivered to, or read by, the participant.
create table public.conversation_receipts (
    conversation_id uuid not null constraint fk_conversation_receipts_conversation_id
        references public.conversations on delete cascade,
    participant_type text not null
        constraint chk_conversation_receipts_participant_type check (participant_type in ('visitor', 'agent')),
    participant_id text not null,
    organization_id uuid not null,
    delivered_through bigint not null default 0,
    read_through bigint not null default 0,
    updated_at timestamptz not null default now(),
    primary key (conversation_id, participant_type, participant_id)
);
create index idx_conversation_receipts_organization_id on public.conversation_receipts (organization_id);

-- A mirror of conversations in scalar columns only, because Supabase Realtime cannot be trusted with
-- arrays, enums and JSON in a publication. It is also what every conversation payload is built from.
-- 0006 fills it and requires what a conversation always has.
create table if not exists public.realtime_conversations (id uuid primary key);
alter table public.realtime_conversations
    add column if not exists organization_id uuid,
    add column if not exists visitor_id uuid,
    add column if not exists customer_name text,
    add column if not exists customer_email text,
    add column if not exists status text,
    add column if not exists priority text,
    add column if not exists assigned_agent_id uuid,
    add column if not exists handler_type text,
    add column if not exists handler_id text,
    add column if not exists handler_epoch bigint,
    add column if not exists handover_requested_at timestamptz,
    add column if not exists version bigint,
    add column if not exists last_sequence bigint,
    add column if not exists last_message_preview text,
    add column if not exists last_message_at timestamptz,
    add column if not exists last_message_sender_type text,
    add column if not exists created_at timestamptz,
    add column if not exists updated_at timestamptz;
-- The inbox: newest first within a status. A list over all statuses merges one short scan of each.
create index if not exists idx_realtime_conversations_organization_id_status_updated_at
    on public.realtime_conversations (organization_id, status, updated_at desc, id desc);

-- What CREATE TABLE says of a new table and ADD COLUMN cannot say of an adopted one.
do $$
declare
    v_label record;
    v_reference record;
    v_name text;
begin
    for v_label in
        select type.oid::regtype as type_name, label.name
        from (values
            ('public.conversations', 'status', '{open,pending,assigned,closed,archived}'),
            ('public.conversations', 'priority', '{low,medium,high,urgent}'),
            ('public.messages', 'sender_type', '{visitor,agent,ai,system}')
        ) as rule (table_name, column_name, labels)
        join pg_catalog.pg_attribute attribute
            on attribute.attrelid = rule.table_name::regclass and attribute.attname = rule.column_name
        join pg_catalog.pg_type type on type.oid = attribute.atttypid and type.typtype = 'e'
        cross join unnest(rule.labels::text[]) as label (name)
        where label.name not in (select enumlabel from pg_catalog.pg_enum where enumtypid = type.oid)
    loop
        execute format('alter type %s add value %L', v_label.type_name, v_label.name);
    end loop;

    if exists (select from campfire.adopted_tables where name = 'conversations')
        and not exists (select from campfire.adopted_tables where name = 'organizations')
    then
        insert into public.organizations (id, name)
        select distinct organization_id, 'Organization ' || organization_id from public.conversations;
    end if;

    for v_reference in
        select * from (values
            ('conversations', 'organization_id', 'organizations'),
            ('messages', 'conversation_id', 'conversations')
        ) as rule (table_name, column_name, target)
        where not exists (
            select from pg_catalog.pg_constraint reference
            join pg_catalog.pg_attribute attribute
                on attribute.attrelid = reference.conrelid and reference.conkey = array[attribute.attnum]
            where reference.contype = 'f'
              and reference.conrelid = format('public.%I', rule.table_name)::regclass
              and reference.confrelid = format('public.%I', rule.target)::regclass
              and attribute.attname = rule.column_name)
    loop
        v_name := 'fk_' || v_reference.table_name || '_' || v_reference.column_name;
        if exists (
            select from pg_catalog.pg_constraint
            where conrelid = format('public.%I', v_reference.table_name)::regclass and conname = v_name)
        then
            v_name := v_name || '_campfire';
        end if;
        execute format(
            'alter table public.%I add constraint %I foreign key (%I) references public.%I on delete cascade',
            v_reference.table_name, v_name, v_reference.column_name, v_reference.target);
    end loop;

    if not exists (
        select from pg_catalog.pg_index
        where indrelid = 'public.organization_members'::regclass and indisunique and indpred is null and indexprs is null
          and indnkeyatts = 2
          and (select array_agg(attname order by attname) from pg_catalog.pg_attribute
               where attrelid = indrelid and attnum = any (indkey)) = '{organization_id,user_id}'::name[])
    then
        create unique index idx_organization_members_organization_id_user_id
            on public.organization_members (organization_id, user_id);
    end if;
end
$$;

-- Limits that an operator may change: one row, edited in place. Null is without limit.
create table campfire.settings (
    id boolean primary key default true constraint chk_settings_id check (id),
    visitor_burst_messages int default 10
        constraint chk_settings_visitor_burst_messages check (visitor_burst_messages between 1 and 100),
    visitor_burst_window interval not null default '10 seconds'
        constraint chk_settings_visitor_burst_window check (visitor_burst_window between '1 second' and '1 hour'),
    visitor_daily_messages int default 2000
        constraint chk_settings_visitor_daily_messages check (visitor_daily_messages between 1 and 1000000)
);
insert into campfire.settings default values;

-- When a visitor wrote, changed or deleted messages lately: the last few times, and the count of the (UTC) day.
create table campfire.visitor_rates (
    conversation_id uuid primary key constraint fk_visitor_rates_conversation_id
        references public.conversations on delete cascade,
    recent timestamptz[] not null,
    day date not null,
    day_messages int not null
) with (fillfactor = 70);
