namespace Campfire.Realtime.Benchmarks.Database;

// What a message writes, as eight statements in a row: no trigger, no check, no look at who calls. No design that
// stores the same can cost less; what campfire_send_message costs beyond it is the price of its promises.
internal static class PlainWrites
{
    public const string Sql =
        """
        create schema plain;
        create table plain.conversations (like public.conversations including all);
        create table plain.mirror (like public.realtime_conversations including all);
        create table plain.messages (like public.messages including all);
        create table plain.events (like public.conversation_events including all);
        create table plain.rates (like campfire.visitor_rates including all);
        insert into plain.conversations select * from public.conversations where last_sequence > 1;
        insert into plain.mirror select mirror.* from public.realtime_conversations mirror join plain.conversations using (id);
        insert into plain.rates select id, '{}', current_date, 0 from plain.conversations;

        create function plain.send(p_conversation_id uuid, p_id uuid, p_content text) returns jsonb
        language plpgsql security definer
        set search_path = ''
        as $$
        declare
            v_now timestamptz := clock_timestamp();
            v_conversation plain.conversations;
            v_payload jsonb;
            v_topic text;
        begin
            update plain.conversations set
                last_sequence = last_sequence + 1, version = version + 1, updated_at = v_now,
                last_message_preview = p_content, last_message_at = v_now, last_message_sender_type = 'visitor'
            where id = p_conversation_id
            returning * into v_conversation;
            update plain.mirror set
                last_sequence = v_conversation.last_sequence, version = v_conversation.version, updated_at = v_now,
                last_message_preview = p_content, last_message_at = v_now, last_message_sender_type = 'visitor'
            where id = p_conversation_id;
            update plain.rates set day_messages = day_messages + 1 where conversation_id = p_conversation_id;
            insert into plain.messages (
                id, conversation_id, organization_id, sequence, content, sender_type, sender_id, sender_name, sender_email, created_at)
            values (
                p_id, p_conversation_id, v_conversation.organization_id, v_conversation.last_sequence, p_content, 'visitor',
                v_conversation.visitor_id::text, v_conversation.customer_name, v_conversation.customer_email, v_now);
            insert into plain.events (conversation_id, sequence, event, message_id, actor_type, actor_id, created_at)
            values (
                p_conversation_id, v_conversation.last_sequence, 'message:created', p_id, 'visitor',
                v_conversation.visitor_id::text, v_now);
            v_payload := jsonb_build_object(
                'id', p_id, 'sequence', v_conversation.last_sequence, 'conversation_id', p_conversation_id,
                'organization_id', v_conversation.organization_id, 'content', p_content, 'sender_type', 'visitor',
                'sender_id', v_conversation.visitor_id, 'sender_name', v_conversation.customer_name,
                'sender_email', v_conversation.customer_email, 'created_at', v_now);
            v_topic := 'bcast:org:' || v_conversation.organization_id;
            perform realtime.send(v_payload, 'message:created', v_topic || ':conv:' || p_conversation_id, true);
            perform realtime.send(to_jsonb(v_conversation), 'conversation:updated', v_topic, true);
            perform realtime.send(v_payload, 'message:created', v_topic || ':conversations', true);
            return v_payload;
        end
        $$;
        grant usage on schema plain to service_role;
        grant execute on function plain.send(uuid, uuid, text) to service_role;
        """;
}
