using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

// The product's own policies, as a plain WebSocket client meets them.
public sealed class PrivacyTests
{
    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    private static JsonObject Private => JsonNode.Parse("""{"private":true,"broadcast":{"ack":true},"presence":{"enabled":false}}""")!.AsObject();

    [Test]
    public async Task A_visitor_joins_its_own_conversation_and_nothing_else()
    {
        var (mine, other) = (await SupportDesk.CreateAsync(Emulator), await SupportDesk.CreateAsync(Emulator));
        await using var socket = await PlainSocket.ConnectAsync(Emulator.Url, Emulator.AnonKey);
        var channels = new[]
        {
            Conversation(mine),
            Conversation(mine) + ":typing",
            Conversation(other),
            Conversation(other) + ":typing",
            $"org:{mine.OrganizationId}",
            $"org:{mine.OrganizationId}:conversations",
            $"org:{mine.OrganizationId}:agents:presence",
            "system:announcements",
            $"ORG:{mine.OrganizationId}:conv:{mine.ConversationId}",
        };

        var joined = new List<string>();
        foreach (var channel in channels)
        {
            if (await CanJoinAsync(socket, channel, mine.VisitorToken))
                joined.Add(channel);
        }

        Assert.That(joined, Is.EqualTo(channels[..2]));
    }

    [Test]
    public async Task A_member_joins_the_channels_of_its_organization_only()
    {
        var (mine, other) = (await SupportDesk.CreateAsync(Emulator), await SupportDesk.CreateAsync(Emulator));
        await using var socket = await PlainSocket.ConnectAsync(Emulator.Url, Emulator.AnonKey);

        Assert.That(await CanJoinAsync(socket, Conversation(mine), mine.AgentToken), Is.True);
        Assert.That(await CanJoinAsync(socket, $"org:{mine.OrganizationId}", mine.AgentToken), Is.True);
        Assert.That(await CanJoinAsync(socket, $"org:{mine.OrganizationId}:conversations", mine.AgentToken), Is.True);
        Assert.That(await CanJoinAsync(socket, Conversation(other), mine.AgentToken), Is.False);
        Assert.That(await CanJoinAsync(socket, $"org:{other.OrganizationId}", mine.AgentToken), Is.False);
    }

    // A pooled connection must stand any number of policies that fail.
    [Test]
    public async Task A_server_joins_however_often_others_were_refused()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast });
        var desk = await SupportDesk.CreateAsync(emulator);
        await using (var owner = new NpgsqlConnection(emulator.ConnectionString))
        {
            await owner.OpenAsync();
            await using var revoke = new NpgsqlCommand("revoke execute on function campfire.can_receive(text) from anon", owner);
            await revoke.ExecuteNonQueryAsync();
        }
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);

        for (var i = 0; i < 20; i++)
        {
            Assert.That(await CanJoinAsync(socket, Conversation(desk), desk.VisitorToken), Is.False);
            Assert.That(await CanJoinAsync(socket, Conversation(desk), emulator.ServiceKey), Is.True);
        }
    }

    [Test]
    public async Task A_forged_message_vanishes_while_typing_passes()
    {
        var desk = await SupportDesk.CreateAsync(Emulator);
        await using var visitor = await PlainSocket.ConnectAsync(Emulator.Url, Emulator.AnonKey);
        await using var agent = await PlainSocket.ConnectAsync(Emulator.Url, Emulator.AnonKey);
        var (conversation, typing) = (Wire(Conversation(desk)), Wire(Conversation(desk) + ":typing"));
        var (conversationRef, _) = await visitor.JoinAsync(conversation, Private, desk.VisitorToken);
        var (typingRef, _) = await visitor.JoinAsync(typing, Private, desk.VisitorToken);
        var (agentRef, _) = await agent.JoinAsync(conversation, Private, desk.AgentToken);
        await agent.JoinAsync(typing, Private, desk.AgentToken);

        var forged = await visitor.PushAsync(conversation, "broadcast", new JsonObject { ["event"] = "message:created" }, conversationRef);
        await visitor.ReplyToAsync(await visitor.PushAsync(typing, "broadcast", new JsonObject { ["event"] = "typing:start" }, typingRef));
        var first = await agent.EventAsync("broadcast");
        await visitor.BarrierAsync(conversation, conversationRef);
        await agent.BarrierAsync(conversation, agentRef);

        Assert.That((first.Topic, (string?)first.Payload!["event"]), Is.EqualTo((typing, "typing:start")));
        Assert.That(visitor.Unread.Any(frame => frame.Ref == forged), Is.False, "not acknowledged");
        Assert.That(agent.Unread.Any(frame => frame.Event == "broadcast"), Is.False);
    }

    [Test]
    public async Task A_stored_message_reaches_three_channels_in_one_transaction()
    {
        var desk = await SupportDesk.CreateAsync(Emulator);
        await using var agent = await PlainSocket.ConnectAsync(Emulator.Url, Emulator.AnonKey);
        foreach (var channel in (string[])[Conversation(desk), $"org:{desk.OrganizationId}", $"org:{desk.OrganizationId}:conversations"])
            await agent.JoinAsync(Wire(channel), Private, desk.AgentToken);

        await using (var connection = new NpgsqlConnection(Emulator.ConnectionString))
        {
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(
                "insert into public.messages (conversation_id, content, sender_type, sender_name) values ($1, 'Hello', 'system', 'Bot')", connection);
            command.Parameters.Add(new NpgsqlParameter { Value = desk.ConversationId });
            await command.ExecuteNonQueryAsync();
        }

        var received = new List<string>();
        while (received.Count < 3)
            received.Add((await agent.BinaryAsync()).ToString());
        Assert.That(received, Has.One.Contains($"conv:{desk.ConversationId}message:created"));
        Assert.That(received, Has.One.Contains($"org:{desk.OrganizationId}conversation:updated"));
        Assert.That(received, Has.One.Contains($"org:{desk.OrganizationId}:conversationsmessage:created"));
    }

    private static string Conversation(SupportDesk desk) => $"org:{desk.OrganizationId}:conv:{desk.ConversationId}";

    private static string Wire(string channel) => $"realtime:bcast:{channel}";

    private static async Task<bool> CanJoinAsync(PlainSocket socket, string channel, string token) =>
        (string?)(await socket.JoinAsync(Wire(channel), Private, token)).Reply["status"] == "ok";
}
