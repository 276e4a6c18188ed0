using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Interop.Tests;

// One conversation with a participant in JavaScript and one in .NET.
internal sealed class Meeting : IAsyncDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly CampfireClient _client;

    private Meeting(SupportDesk desk, SenderType javaScriptIs, NodeScript javaScript, CampfireClient client, Conversation dotNet)
    {
        Desk = desk;
        JavaScriptIs = javaScriptIs;
        JavaScript = javaScript;
        _client = client;
        DotNet = dotNet;
    }

    public SupportDesk Desk { get; }

    public SenderType JavaScriptIs { get; }

    public SenderType DotNetIs => JavaScriptIs == SenderType.Visitor ? SenderType.Agent : SenderType.Visitor;

    public NodeScript JavaScript { get; }

    public Conversation DotNet { get; }

    public string JavaScriptId => IdOf(JavaScriptIs);

    public string DotNetId => IdOf(DotNetIs);

    public static async Task<Meeting> StartAsync(CampfireEmulator emulator, SenderType javaScriptIs)
    {
        SupportDesk desk = await SupportDesk.CreateAsync(emulator);
        (string javaScriptToken, string dotNetToken) = javaScriptIs == SenderType.Visitor
            ? (desk.VisitorToken, desk.AgentToken)
            : (desk.AgentToken, desk.VisitorToken);
        NodeScript javaScript = StartParticipant(emulator);
        CampfireClient? client = null;
        try
        {
            await javaScript.CallAsync("join", new { desk.OrganizationId, desk.ConversationId, token = javaScriptToken });
            client = await ConnectAsync(emulator, dotNetToken);
            Conversation conversation = await client.JoinConversationAsync(desk.OrganizationId, desk.ConversationId).WaitAsync(Deadline);
            return new Meeting(desk, javaScriptIs, javaScript, client, conversation);
        }
        catch
        {
            if (client is not null)
                await client.DisposeAsync();
            await javaScript.DisposeAsync();
            throw;
        }
    }

    public static NodeScript StartParticipant(CampfireEmulator emulator) =>
        NodeScript.Start("participant.mjs", "participate", new ScenarioHost(emulator).AnswerAsync);

    public static async Task<CampfireClient> ConnectAsync(CampfireEmulator emulator, string token)
    {
        var client = new CampfireClient(new CampfireClientOptions
        {
            Url = emulator.Url,
            ApiKey = emulator.AnonKey,
            AccessToken = _ => ValueTask.FromResult(token),
        });
        await client.ConnectAsync().WaitAsync(Deadline);
        return client;
    }

    public async Task<JsonNode> JavaScriptSendsAsync(string content) => (await JavaScript.CallAsync("send", new { content }))!;

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await JavaScript.DisposeAsync();
    }

    private string IdOf(SenderType type) => (type == SenderType.Visitor ? Desk.VisitorId : Desk.AgentId).ToString();
}
