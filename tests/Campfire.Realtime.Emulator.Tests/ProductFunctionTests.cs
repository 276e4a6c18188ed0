using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

// Every function of the migrations, as a program calls it: with good and with bad input.
public sealed class ProductFunctionTests
{
    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    private static readonly object[][] _goodCalls =
    [
        ["server", "campfire_open_conversation", """{"p_organization_id":"{organization}","p_visitor_id":"{new}","p_customer_name":"Zoë 😀","p_customer":{"plan":"pro"}}""", "conversation"],
        ["visitor", "campfire_send_message", """{"p_conversation_id":"{conversation}","p_id":"{new}","p_content":"hello","p_metadata":{"a":[1]}}""", "sequence"],
        ["agent", "campfire_send_message", """{"p_conversation_id":"{conversation}","p_id":"{new}","p_content":"hello"}""", "sequence"],
        ["server", "campfire_send_message", """{"p_conversation_id":"{conversation}","p_id":"{new}","p_content":"hello","p_sender":{"type":"system"}}""", "sequence"],
        ["visitor", "campfire_edit_message", """{"p_id":"{message}","p_content":"better"}""", "sequence"],
        ["visitor", "campfire_delete_message", """{"p_id":"{message}"}""", "sequence"],
        ["agent", "campfire_mark", """{"p_conversation_id":"{conversation}","p_read_through":1}""", "read_through"],
        ["agent", "campfire_update_conversation", """{"p_conversation_id":"{conversation}","p_status":"pending","p_tags":["a","b,c"]}""", "id"],
        ["agent", "campfire_assign", """{"p_conversation_id":"{conversation}","p_agent_id":"{agent}"}""", "id"],
        ["visitor", "campfire_request_handover", """{"p_conversation_id":"{conversation}","p_reason":"please"}""", "id"],
        ["agent", "campfire_claim", """{"p_conversation_id":"{conversation}"}""", "id"],
        ["visitor", "campfire_events", """{"p_conversation_id":"{conversation}","p_after":0,"p_limit":10}""", "events"],
        ["visitor", "campfire_messages", """{"p_conversation_id":"{conversation}"}""", null!],
        ["agent", "campfire_conversations", """{"p_organization_id":"{organization}","p_updated_after":"2020-01-01T00:00:00Z"}""", null!],
        ["server", "campfire_find_widget_key", """{"p_public_key":"{widget}"}""", "organization_id"],
    ];

    [TestCaseSource(nameof(_goodCalls))]
    public async Task A_good_call_is_answered_200(string caller, string function, string body, string? member)
    {
        var desk = await Desk.CreateAsync();

        var answer = await desk.CallAsync(caller, function, body);

        Assert.That(answer.Status, Is.EqualTo(200), answer.Text);
        if (member is not null)
            Assert.That(answer.Json![member], Is.Not.Null, answer.Text);
    }

    [Test]
    public async Task Every_function_of_the_product_is_called_here()
    {
        var names = await RestAnswer.ExecuteAsync(Emulator.ConnectionString, """
            select string_agg(distinct proname, ' ' order by proname) from pg_proc
            where pronamespace = 'public'::regnamespace and proname like 'campfire\_%' and prorettype <> 'trigger'::regtype
            """);

        Assert.That(string.Join(' ', _goodCalls.Select(call => (string)call[1]).Distinct().Order(StringComparer.Ordinal)), Is.EqualTo(names));
    }

    [TestCase("server", "campfire_open_conversation", """{"p_organization_id":"{new}","p_visitor_id":"{new}"}""", 404, "PT404")]
    [TestCase("visitor", "campfire_open_conversation", """{"p_organization_id":"{organization}","p_visitor_id":"{new}"}""", 401, "42501")]
    [TestCase("agent", "campfire_open_conversation", """{"p_organization_id":"{organization}","p_visitor_id":"{new}"}""", 403, "42501")]
    [TestCase("visitor", "campfire_send_message", """{"p_conversation_id":"{conversation}","p_id":"{message}","p_content":"another text"}""", 409, "PT409")]
    [TestCase("visitor", "campfire_send_message", """{"p_conversation_id":"{conversation}","p_id":"no uuid","p_content":"x"}""", 400, "22P02")]
    [TestCase("visitor", "campfire_send_message", """{"p_conversation_id":"{new}","p_id":"{new}","p_content":"x"}""", 404, "PT404")]
    [TestCase("visitor", "campfire_send_message", """{"p_conversation_id":"{conversation}","p_id":"{new}","p_content":"x","p_attachments":"no list"}""", 422, "PT422")]
    [TestCase("visitor", "campfire_send_message", """{"p_conversation_id":"{conversation}","p_content":"x"}""", 404, "PGRST202")]
    [TestCase("server", "campfire_send_message", """{"p_conversation_id":"{conversation}","p_id":"{new}","p_content":"x","p_sender":{"type":"nobody"}}""", 422, "PT422")]
    [TestCase("visitor", "campfire_edit_message", """{"p_id":"{new}","p_content":"x"}""", 404, "PT404")]
    [TestCase("visitor", "campfire_edit_message", """{"p_id":5,"p_content":"x"}""", 400, "22P02")]
    [TestCase("visitor", "campfire_delete_message", """{"p_id":"{new}"}""", 404, "PT404")]
    [TestCase("agent", "campfire_mark", """{"p_conversation_id":"{conversation}","p_read_through":"far"}""", 400, "22P02")]
    [TestCase("agent", "campfire_mark", """{"p_conversation_id":"{conversation}","p_read_through":99999999999999999999}""", 400, "22003")]
    [TestCase("agent", "campfire_update_conversation", """{"p_conversation_id":"{conversation}","p_status":"eaten"}""", 422, "PT422")]
    [TestCase("agent", "campfire_update_conversation", """{"p_conversation_id":"{conversation}","p_tags":{"a":1}}""", 400, "22P02")]
    [TestCase("visitor", "campfire_update_conversation", """{"p_conversation_id":"{conversation}","p_status":"closed"}""", 401, "42501")]
    [TestCase("agent", "campfire_assign", """{"p_conversation_id":"{conversation}","p_agent_id":"{new}"}""", 422, "PT422")]
    [TestCase("visitor", "campfire_request_handover", """{"p_conversation_id":"{new}"}""", 404, "PT404")]
    [TestCase("agent", "campfire_claim", """{"p_conversation_id":"{conversation}","p_handler_type":"dog"}""", 422, "PT422")]
    [TestCase("agent", "campfire_claim", """{"p_conversation_id":"{conversation}","p_expected_epoch":99}""", 409, "PT409")]
    [TestCase("visitor", "campfire_events", """{"p_conversation_id":"{new}"}""", 404, "PT404")]
    [TestCase("visitor", "campfire_events", """{"p_conversation_id":"{conversation}","p_limit":100000}""", 422, "PT422")]
    [TestCase("visitor", "campfire_messages", """{"p_conversation_id":"{conversation}","p_before":"x"}""", 400, "22P02")]
    [TestCase("stranger", "campfire_messages", """{"p_conversation_id":"{conversation}"}""", 404, "PT404")]
    [TestCase("agent", "campfire_conversations", """{"p_organization_id":"{organization}","p_before":"yesterday evening"}""", 400, "22007")]
    [TestCase("stranger", "campfire_conversations", """{"p_organization_id":"{organization}"}""", 404, "PT404")]
    [TestCase("server", "campfire_find_widget_key", """{"p_public_key":"nothing like that"}""", 404, "PT404")]
    [TestCase("agent", "campfire_find_widget_key", """{"p_public_key":"{widget}"}""", 403, "42501")]
    public async Task A_bad_call_says_what_is_wrong(string caller, string function, string body, int status, string code)
    {
        var desk = await Desk.CreateAsync();

        var answer = await desk.CallAsync(caller, function, body);

        Assert.That((answer.Status, answer.Code), Is.EqualTo((status, code)), answer.Text);
        Assert.That((string?)answer.Json!["message"], Is.Not.Empty);
    }

    // What supabase-js sends for rpc(…, { get: true }); the functions that read are stable for it.
    [Test]
    public async Task Functions_that_read_answer_get()
    {
        var desk = await Desk.CreateAsync();

        var answer = await RestAnswer.GetAsync(
            Emulator, $"rpc/campfire_events?p_conversation_id={desk.Support.ConversationId}&p_after=0&p_limit=5", desk.Support.VisitorToken);

        Assert.That(answer.Status, Is.EqualTo(200), answer.Text);
        Assert.That(answer.Json!["events"]!.AsArray(), Is.Not.Empty);
    }

    [Test]
    public async Task Functions_that_write_do_not_answer_get()
    {
        var desk = await Desk.CreateAsync();

        var answer = await RestAnswer.GetAsync(
            Emulator, $"rpc/campfire_mark?p_conversation_id={desk.Support.ConversationId}&p_read_through=1", desk.Support.AgentToken);

        Assert.That((answer.Status, answer.Code), Is.EqualTo((405, "25006")));
    }

    private sealed record Desk(SupportDesk Support, Guid MessageId, string WidgetKey)
    {
        public static async Task<Desk> CreateAsync()
        {
            var desk = new Desk(await SupportDesk.CreateAsync(Emulator), Guid.CreateVersion7(), "widget-" + Guid.NewGuid().ToString("N"));
            await RestAnswer.ExecuteAsync(
                Emulator.ConnectionString,
                $"insert into public.widget_keys (organization_id, public_key) values ('{desk.Support.OrganizationId}', '{desk.WidgetKey}')");
            var sent = await desk.CallAsync("visitor", "campfire_send_message", """{"p_conversation_id":"{conversation}","p_id":"{message}","p_content":"first"}""");
            Assert.That(sent.Status, Is.EqualTo(200), sent.Text);
            return desk;
        }

        public Task<RestAnswer> CallAsync(string caller, string function, string body)
        {
            var token = caller switch
            {
                "visitor" => Support.VisitorToken,
                "agent" => Support.AgentToken,
                "stranger" => Emulator.CreateAgentToken(Guid.NewGuid()),
                _ => null,
            };
            var filled = body
                .Replace("{conversation}", Support.ConversationId.ToString(), StringComparison.Ordinal)
                .Replace("{organization}", Support.OrganizationId.ToString(), StringComparison.Ordinal)
                .Replace("{agent}", Support.AgentId.ToString(), StringComparison.Ordinal)
                .Replace("{message}", MessageId.ToString(), StringComparison.Ordinal)
                .Replace("{widget}", WidgetKey, StringComparison.Ordinal)
                .Replace("{new}", Guid.CreateVersion7().ToString(), StringComparison.Ordinal);
            return RestAnswer.PostAsync(Emulator, "rpc/" + function, filled, token, caller == "server" ? Emulator.SecretKey : null);
        }
    }
}
