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
    role text not null default 'agent'
        constraint chk_organization_members_role check (role in ('owner', 'admin', 'agent', 'viewer')),
    display_name text constraint chk_organization_members_display_name check (length(display_name) <= 200),
    created_at timestamptz not null default now(),
    primary key (organization_id, user_id)
);
create index if not exists idx_organization_members_user_id on public.organization_members (user_id);

create table if not exists public.widget_keys (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null constraint fk_widget_keys_organization_id
        references public.organizations on delete cascade,
    public_key text not null unique constraint chk_widget_keys_public_key check (length(public_key) between 8 and 200),
    allowed_origins text[] not null default '{}',
    is_enabled boolean not null default true,
    created_at timestamptz not null default now()
);
create index if not exists idx_widget_keys_organization_id on public.widget_keys (organization_id);

-- Every stored event changes its conversation's row. The free space keeps those updates on the same
-- page, and no index holds a column that they change, so they cost no index entry (HOT).
create table if not exists public.conversations (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null constraint fk_conversations_organization_id
        references public.organizations on delete cascade,
    visitor_id uuid not null,
    customer_name text constraint chk_conversations_customer_name check (length(customer_name) <= 200),
    customer_email text constraint chk_conversations_customer_email check (length(customer_email) <= 320),
    status campfire.conversation_status not null default 'open',
    priority campfire.conversation_priority not null default 'medium',
    assigned_agent_id uuid,
    handler_type text not null default 'none'
        constraint chk_conversations_handler_type check (handler_type in ('ai', 'human', 'none')),
    handler_id text constraint chk_conversations_handler_id check (length(handler_id) <= 200),
    handler_epoch bigint not null default 0,
    handover_requested_at timestamptz,
    handover_reason text constraint chk_conversations_handover_reason check (length(handover_reason) <= 500),
    handover_summary text constraint chk_conversations_handover_summary check (length(handover_summary) <= 4000),
    last_sequence bigint not null default 0,
    version bigint not null default 1,
    last_message_preview text,
    last_message_at timestamptz,
    last_message_sender_type text,
    tags text[] not null default '{}',
    customer_ip inet,
    customer jsonb not null default '{}',
    metadata jsonb not null default '{}',
    ai_metadata jsonb,
    assignment_metadata jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
) with (fillfactor = 70);
create index if not exists idx_conversations_organization_id_visitor_id
    on public.conversations (organization_id, visitor_id, created_at);

-- organization_id repeats the conversation's, so that policies need no join; a trigger keeps it true.
create table if not exists public.messages (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null constraint fk_messages_conversation_id
        references public.conversations on delete cascade,
    organization_id uuid not null,
    sequence bigint not null,
    content text not null constraint chk_messages_content check (length(content) <= 16000),
    sender_type text not null
        constraint chk_messages_sender_type check (sender_type in ('visitor', 'agent', 'ai', 'system')),
    sender_id text,
    sender_name text,
    sender_email text,
    handler_epoch bigint,
    metadata jsonb not null default '{}',
    ai_metadata jsonb,
    attachments jsonb not null default '[]',
    edited_at timestamptz,
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    constraint messages_conversation_id_sequence_key unique (conversation_id, sequence)
);
create index if not exists idx_messages_organization_id on public.messages (organization_id);

create table if not exists public.message_attachments (
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
create index if not exists idx_message_attachments_message_id on public.message_attachments (message_id);
create index if not exists idx_message_attachments_conversation_id on public.message_attachments (conversation_id);
create index if not exists idx_message_attachments_organization_id on public.message_attachments (organization_id);

-- The log: what happened in a conversation, in the order of sequence, without holes. A message's
-- payload is not repeated here but read from messages; every other event keeps its own in data.
create table if not exists public.conversation_events (
    conversation_id uuid not null constraint fk_conversation_events_conversation_id
        references public.conversations on delete cascade,
    sequence bigint not null,
    event text not null,
    message_id uuid,
    actor_type text not null
        constraint chk_conversation_events_actor_type check (actor_type in ('visitor', 'agent', 'ai', 'system')),
    actor_id text,
    data jsonb,
    created_at timestamptz not null default now(),
    primary key (conversation_id, sequence),
    constraint chk_conversation_events_payload check (message_id is not null or data is not null)
);

-- Watermarks: everything up to and including that sequence was delivered to, or read by, the participant.
create table if not exists public.conversation_receipts (
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
create index if not exists idx_conversation_receipts_organization_id on public.conversation_receipts (organization_id);

-- A mirror of conversations in scalar columns only, because Supabase Realtime cannot be trusted with
-- arrays, enums and JSON in a publication. It is also what every conversation payload is built from.
create table if not exists public.realtime_conversations (
    id uuid primary key,
    organization_id uuid not null,
    visitor_id uuid not null,
    customer_name text,
    customer_email text,
    status text not null,
    priority text not null,
    assigned_agent_id uuid,
    handler_type text not null,
    handler_id text,
    handler_epoch bigint not null,
    handover_requested_at timestamptz,
    version bigint not null,
    last_sequence bigint not null,
    last_message_preview text,
    last_message_at timestamptz,
    last_message_sender_type text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
-- The inbox: newest first within a status. A list over all statuses merges one short scan of each.
create index if not exists idx_realtime_conversations_organization_id_status_updated_at
    on public.realtime_conversations (organization_id, status, updated_at desc, id desc);

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
