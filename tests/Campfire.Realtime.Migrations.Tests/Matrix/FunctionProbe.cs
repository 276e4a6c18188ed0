using System.Text.Json.Nodes;

namespace Campfire.Realtime.Migrations.Tests.Matrix;

// A call of a function that is right for whoever may make it; a function has one for each case that its rights depend on.
internal sealed record FunctionProbe(string Function, string Case, string Arguments)
{
    public static IReadOnlyList<FunctionProbe> All { get; } =
    [
        new("campfire_open_conversation", "a new one", """{"p_organization_id":"{org}","p_visitor_id":"{agent}"}"""),
        new("campfire_open_conversation", "the visitor's own",
            """{"p_organization_id":"{org}","p_visitor_id":"{visitor}","p_conversation_id":"{conv}"}"""),
        new("campfire_find_widget_key", "", """{"p_public_key":"{key}"}"""),
        new("campfire_send_message", "in one's own name", """{"p_conversation_id":"{conv}","p_id":"{new}","p_content":"hello"}"""),
        new("campfire_send_message", "as an agent",
            """{"p_conversation_id":"{conv}","p_id":"{new}","p_content":"hello","p_sender":{"type":"agent","id":"{agent}"}}"""),
        new("campfire_send_message", "as an AI",
            """{"p_conversation_id":"{conv}","p_id":"{new}","p_content":"hello","p_handler_epoch":0,"p_sender":{"type":"ai","id":"bot"}}"""),
        new("campfire_send_message", "the visitor's once more", """{"p_conversation_id":"{conv}","p_id":"{message}","p_content":"question"}"""),
        new("campfire_edit_message", "the visitor's", """{"p_id":"{message}","p_content":"changed"}"""),
        new("campfire_edit_message", "an agent's", """{"p_id":"{answer}","p_content":"changed"}"""),
        new("campfire_delete_message", "the visitor's", """{"p_id":"{message}"}"""),
        new("campfire_delete_message", "an agent's", """{"p_id":"{answer}"}"""),
        new("campfire_mark", "", """{"p_conversation_id":"{conv}","p_read_through":2}"""),
        new("campfire_update_conversation", "", """{"p_conversation_id":"{conv}","p_status":"closed","p_priority":"low"}"""),
        new("campfire_assign", "", """{"p_conversation_id":"{conv}","p_agent_id":"{agent}"}"""),
        new("campfire_request_handover", "", """{"p_conversation_id":"{conv}","p_reason":"please"}"""),
        new("campfire_claim", "for the agent", """{"p_conversation_id":"{conv}","p_handler_type":"human","p_handler_id":"{agent}"}"""),
        new("campfire_claim", "for an AI", """{"p_conversation_id":"{conv}","p_handler_type":"ai","p_handler_id":"bot"}"""),
        new("campfire_events", "", """{"p_conversation_id":"{conv}"}"""),
        new("campfire_messages", "", """{"p_conversation_id":"{conv}"}"""),
        new("campfire_conversations", "", """{"p_organization_id":"{org}"}"""),
    ];

    public string Body(Part part) => part.Fill(Arguments.Replace("{new}", $"{Guid.CreateVersion7()}", StringComparison.Ordinal));

    // The same call in SQL: literals that take the types of the parameters.
    public string Sql(Part part)
    {
        IEnumerable<string> arguments = JsonNode.Parse(Body(part))!.AsObject().Select(argument =>
            $"{argument.Key} => '{argument.Value!.ToString().Replace("'", "''", StringComparison.Ordinal)}'");
        return $"select public.{Function}({string.Join(", ", arguments)})";
    }
}
