namespace Campfire.Realtime.Migrations.Tests.Matrix;

// How to try the operations on a table; what is in braces is filled in for each of a scene's parts. Change uses constants
// only. BeforeInsert is what the owner does first, because the table already has the only row that it can have.
internal sealed record TableProbe(string Table, string Row, string Insert, string Change, string BeforeInsert = "")
{
    public static IReadOnlyList<string> Operations { get; } = ["select", "insert", "update", "delete"];

    public static IReadOnlyList<TableProbe> All { get; } =
    [
        new("public.organizations", "id = '{org}'", "(name) values ('Mine')", "name = 'Mine'"),
        new("public.organization_members", "organization_id = '{org}' and user_id = '{agent}'",
            "(organization_id, user_id, role) values ('{org}', gen_random_uuid(), 'owner')", "role = 'owner'"),
        new("public.widget_keys", "organization_id = '{org}'",
            "(organization_id, public_key) values ('{org}', gen_random_uuid()::text)", "allowed_origins = '{*}'"),
        new("public.conversations", "id = '{conv}'",
            "(organization_id, visitor_id) values ('{org}', '{visitor}')", "priority = 'urgent'"),
        new("public.messages", "conversation_id = '{conv}'",
            "(id, conversation_id, content) values (gen_random_uuid(), '{conv}', 'forged')", "content = 'forged'"),
        new("public.message_attachments", "conversation_id = '{conv}'",
            "(message_id, conversation_id, organization_id, file_name, content_type, size_bytes, storage_path) "
                + "values ('{message}', '{conv}', '{org}', 'a', 'b', 1, 'c')",
            "storage_path = 'elsewhere'"),
        new("public.conversation_events", "conversation_id = '{conv}'",
            "(conversation_id, sequence, event, actor_type, data) values ('{conv}', 99, 'message:created', 'agent', '{}')", "event = 'forged'"),
        new("public.conversation_receipts", "conversation_id = '{conv}'",
            "(conversation_id, participant_type, participant_id, organization_id) values ('{conv}', 'agent', '{agent}', '{org}')",
            "read_through = 99"),
        new("public.realtime_conversations", "id = '{conv}'",
            "(id, organization_id, visitor_id, status, priority, handler_type, handler_epoch, version, last_sequence, created_at, updated_at) "
                + "values (gen_random_uuid(), '{org}', '{visitor}', 'open', 'low', 'none', 0, 1, 1, now(), now())",
            "status = 'closed'"),
        new("campfire.settings", "true", "default values", "visitor_daily_messages = null", "delete from campfire.settings"),
        new("campfire.visitor_rates", "conversation_id = '{conv}'",
            "(conversation_id, recent, day, day_messages) values ('{conv}', '{}', '2026-01-01', 0)", "day_messages = 0",
            "delete from campfire.visitor_rates where conversation_id = '{conv}'"),
        new("campfire.adopted_tables", "name = 'matrix {conv}'", "(name) values ('forged')", "name = 'forged'"),
        new("campfire.migrations", "true", "(name, checksum, package_version) values ('9999_forged', '', '')", "checksum = ''"),
    ];

    public string Statement(string operation, Part part) => part.Fill(operation switch
    {
        "select" => $"select 1 from {Table} where {Row} limit 1",
        "insert" => $"insert into {Table} {Insert}",
        "update" => $"update {Table} set {Change} where {Row}",
        "delete" => $"delete from {Table} where {Row}",
        _ => throw new ArgumentOutOfRangeException(nameof(operation), operation, null),
    });

    public string Preparation(string operation, Part part) => operation == "insert" ? part.Fill(BeforeInsert) : "";
}
