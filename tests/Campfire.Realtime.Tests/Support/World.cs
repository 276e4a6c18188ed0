using System.Text;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Tests.Support;

// A client between a scripted server, a scripted database and a clock that a test moves.
internal sealed class World : IAsyncDisposable
{
    public World(Action<CampfireClientOptions>? configure = null, bool isTimeReal = false)
    {
        var options = new CampfireClientOptions
        {
            Url = new Uri("http://supabase.test"),
            ApiKey = "sb_publishable_key",
            HttpMessageHandler = Database,
            TimeProvider = isTimeReal ? TimeProvider.System : Time,
            JitterSeed = 7,

            // Joins wait for nothing on a clock that stands still; what is paced has tests of its own.
            Budget = new RealtimeBudget(timeProvider: Time) { JoinsPerSecond = int.MaxValue },
            AccessToken = _ => ValueTask.FromResult(Token(DateTimeOffset.MaxValue)),
        };
        configure?.Invoke(options);
        Client = new CampfireClient(options, Server.NewSocket);
    }

    public ScriptedServer Server { get; } = new();

    public ScriptedDatabase Database { get; } = new();

    public ManualTime Time { get; } = new();

    public CampfireClient Client { get; }

    public ChannelName ConversationName => ChannelName.Conversation(Database.OrganizationId, Database.ConversationId);

    // An unsigned token: the client only reads what it says.
    public static string Token(DateTimeOffset end, string subject = "user-1") =>
        $"e30.{Encode($$"""{"sub":"{{subject}}","role":"authenticated"{{(end == DateTimeOffset.MaxValue ? "" : $",\"exp\":{end.ToUnixTimeSeconds()}")}}}""")}.sig";

    public async Task<ScriptedSocket> ConnectAsync()
    {
        Task connecting = Client.ConnectAsync();
        ScriptedSocket socket = await Server.NextSocketAsync();
        await connecting.InTime();
        return socket;
    }

    public Task<Conversation> JoinAsync(long? resumeAfter = null) =>
        Client.JoinConversationAsync(Database.OrganizationId, Database.ConversationId, resumeAfter).InTime();

    public async Task<(ScriptedSocket Socket, Conversation Conversation, SentFrame Join)> JoinedAsync(long? resumeAfter = null)
    {
        ScriptedSocket socket = await ConnectAsync();
        Conversation conversation = await JoinAsync(resumeAfter);
        return (socket, conversation, await socket.SentAsync("phx_join"));
    }

    // Waits until the connection is about to be tried again, and lets that time pass.
    public async Task<CampfireStatus> RetryAsync()
    {
        CampfireStatus status = await Client.WatchStatusAsync().FirstAsync(status => status.NextRetryIn is not null);
        await Time.ArmedAsync(due => (due - status.NextRetryIn!.Value).Duration() < TimeSpan.FromMilliseconds(2));
        Time.Advance(status.NextRetryIn!.Value + TimeSpan.FromMilliseconds(1));
        return status;
    }

    public Task<CampfireStatus> StatusAsync(CampfireConnectionState state) => Client.WatchStatusAsync().FirstAsync(status => status.State == state);

    public ValueTask DisposeAsync() => new(Client.DisposeAsync().InTime());

    private static string Encode(string json) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}
