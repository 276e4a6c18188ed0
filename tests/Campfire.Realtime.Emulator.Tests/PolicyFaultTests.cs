using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

// Policies that give no answer. They are changed for all tests at once, which therefore take turns.
[Parallelizable(ParallelScope.Self)]
public sealed class PolicyFaultTests
{
    private const string NoPermission = "You do not have permissions to read from this Channel topic: a";
    private const string NoDatabase = "Realtime was unable to connect to the project database";

    private CampfireEmulator _emulator = null!;

    private static JsonObject Private => JsonNode.Parse("""{"private":true,"broadcast":{"ack":true}}""")!.AsObject();

    private static JsonNode Track => JsonNode.Parse("""{"event":"track"}""")!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast });
        await DecideAsync("return true");
        await ExecuteAsync("""
            create policy reading on realtime.messages for select to anon, authenticated using (public.decide());
            create policy writing on realtime.messages for insert to anon, authenticated with check (public.decide());
            """);
    }

    [OneTimeTearDown]
    public async Task Stop() => await _emulator.DisposeAsync();

    [TestCase("P0001", $"Unauthorized: {NoPermission}", NoPermission, "RLS policy error")]
    [TestCase("57014", "QueryCanceled: canceling statement due to user request", "Query was cancelled, please try again", "Query canceled")]
    [TestCase("57P01", $"UnableToConnectToProject: {NoDatabase}", NoDatabase, "Tenant database unavailable")]
    [TestCase("23514", "MissingPartition: Realtime was unable to find the expected messages partition", NoDatabase, "Missing messages partition")]
    public async Task Point_58_a_policy_without_an_answer_is_told_at_a_join_at_a_new_token_and_over_rest(string sqlState, string reason, string message, string rest)
    {
        await DecideAsync("return true");
        await using var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        var (joinRef, _) = await socket.JoinAsync("realtime:a", Private);
        await DecideAsync($"raise exception 'no answer' using errcode = '{sqlState}', table = 'messages'");

        await using var other = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        var (_, refused) = await other.JoinAsync("realtime:a", Private);
        var (status, body) = await PostAsync();
        await socket.PushAsync("realtime:a", "access_token", new JsonObject { ["access_token"] = _emulator.CreateAgentToken(Guid.NewGuid()) }, joinRef);

        Assert.That((string?)refused["response"]!["reason"], Is.EqualTo(reason));
        Assert.That((status, (string?)body!["message"]), Is.EqualTo((422, rest)));
        Assert.That((string?)(await socket.EventAsync("system")).Payload!["message"], Is.EqualTo(message));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
    }

    [TestCase("P0001")]
    [TestCase("57P01")]
    public async Task Point_60_a_write_policy_without_an_answer_is_asked_again_by_the_next_message(string sqlState)
    {
        await DecideAsync("return true");
        await using var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        var (joinRef, _) = await socket.JoinAsync("realtime:a", Private);
        await DecideAsync($"raise exception 'no answer' using errcode = '{sqlState}'");

        var lost = await socket.PushAsync("realtime:a", "broadcast", new JsonObject(), joinRef);
        var untracked = await socket.ReplyToAsync(await socket.PushAsync("realtime:a", "presence", Track, joinRef));
        await DecideAsync("return true");
        await socket.ReplyToAsync(await socket.PushAsync("realtime:a", "broadcast", new JsonObject(), joinRef));
        var tracked = await socket.ReplyToAsync(await socket.PushAsync("realtime:a", "presence", Track, joinRef));

        Assert.That(socket.Unread.Any(frame => frame.Ref == lost), Is.False);
        Assert.That(untracked.Payload!.ToJsonString(), Is.EqualTo("""{"status":"error","response":{}}"""));
        Assert.That((string?)tracked.Payload!["status"], Is.EqualTo("ok"));
    }

    [Test]
    public async Task Point_72_a_batch_passes_over_topics_whose_policies_give_no_answer()
    {
        await DecideAsync("raise exception 'no answer'");
        using var http = Client();

        using var response = await http.PostAsync(
            "/realtime/v1/api/broadcast", JsonContent.Create(JsonNode.Parse("""{"messages":[{"topic":"a","event":"e","payload":{},"private":true}]}""")));

        Assert.That((int)response.StatusCode, Is.EqualTo(202));
    }

    private async Task<(int Status, JsonNode? Body)> PostAsync()
    {
        using var http = Client();
        using var response = await http.PostAsJsonAsync("/realtime/v1/api/broadcast/a/events/e?private=true", new { });
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync()));
    }

    private HttpClient Client()
    {
        var http = new HttpClient { BaseAddress = _emulator.Url };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _emulator.AnonKey);
        return http;
    }

    private Task DecideAsync(string body) => ExecuteAsync(
        $"create or replace function public.decide() returns boolean language plpgsql as $f$ begin {body}; end $f$");

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_emulator.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
