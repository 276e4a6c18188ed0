// The example of docs/emulator.md, as users write it.
using Campfire.Realtime.Protocol;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests.Example;

[SetUpFixture]
public sealed class Supabase
{
    public static CampfireEmulator Emulator { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task Start() => Emulator = await CampfireEmulator.StartAsync(new() { Delays = EmulatorDelays.Fast });

    [OneTimeTearDown]
    public async Task Stop() => await Emulator.DisposeAsync();
}

[NonParallelizable]
public sealed class SupportChatTests
{
    private Guid _organization;
    private Guid _agent;
    private Guid _visitor;
    private Guid _conversation;

    [SetUp]
    public async Task Prepare()
    {
        await Supabase.Emulator.ResetAsync();
        (_organization, _agent, _visitor, _conversation) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
        await using var database = NpgsqlDataSource.Create(Supabase.Emulator.ConnectionString);
        await using var command = database.CreateCommand($"""
            insert into organizations (id, name) values ('{_organization}', 'Acme');
            insert into organization_members (organization_id, user_id, role, display_name) values ('{_organization}', '{_agent}', 'agent', 'Ada');
            insert into conversations (id, organization_id, visitor_id, customer_name) values ('{_conversation}', '{_organization}', '{_visitor}', 'Vera');
            """);
        await command.ExecuteNonQueryAsync();
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task A_visitor_reads_what_the_agent_writes(CancellationToken ct)
    {
        await using var agent = Client(Supabase.Emulator.CreateAgentToken(_agent));
        await using var visitor = Client(Supabase.Emulator.CreateVisitorToken(_organization, _conversation, _visitor));
        await agent.ConnectAsync(ct);
        await visitor.ConnectAsync(ct);
        await using Conversation desk = await agent.JoinConversationAsync(_organization, _conversation, ct);
        await using Conversation widget = await visitor.JoinConversationAsync(_organization, _conversation, ct);

        // The broadcast is lost; the visitor's client sees the hole and reads the log.
        Supabase.Emulator.Faults.LoseNextBroadcasts(1);
        await desk.SendMessageAsync("Hello, Vera", ct);
        await desk.SendMessageAsync("How can I help?", ct);

        List<string?> read = [];
        await foreach (MessageCreated message in widget.ReadEventsAsync(ct).OfType<MessageCreated>())
        {
            read.Add(message.Content);
            if (read.Count == 2)
                break;
        }
        Assert.That(read, Is.EqualTo(new[] { "Hello, Vera", "How can I help?" }));
    }

    private static CampfireClient Client(string token) => new(new CampfireClientOptions
    {
        Url = Supabase.Emulator.Url,
        ApiKey = Supabase.Emulator.PublishableKey,
        AccessToken = _ => ValueTask.FromResult(token),
    });
}
