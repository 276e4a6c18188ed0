using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Server.Tests.Support;

/// <summary>Joins private channels as supabase-js does, by name.</summary>
internal static class Listener
{
    public static async Task<PlainSocket> JoinAsync(string token, string channel)
    {
        PlainSocket socket = await ConnectAsync();
        (_, JsonNode reply) = await socket.JoinAsync("realtime:bcast:" + channel, PrivateConfig(), token);
        Assert.That(reply["status"]!.GetValue<string>(), Is.EqualTo("ok"), reply.ToJsonString());
        return socket;
    }

    public static async Task<JsonNode> TryJoinAsync(string token, string channel)
    {
        await using PlainSocket socket = await ConnectAsync();
        return (await socket.JoinAsync("realtime:bcast:" + channel, PrivateConfig(), token)).Reply;
    }

    public static async Task<JsonNode> BroadcastAsync(this PlainSocket socket, string eventName)
    {
        PlainFrame frame = await socket.ReceiveAsync(frame => frame.Event == "broadcast" && (string?)frame.Payload!["event"] == eventName);
        return frame.Payload!["payload"]!;
    }

    private static Task<PlainSocket> ConnectAsync() =>
        PlainSocket.ConnectAsync(ServerTestsSetUp.Emulator.Url, ServerTestsSetUp.Emulator.AnonKey, vsn: "1.0.0");

    private static JsonObject PrivateConfig() => new()
    {
        ["private"] = true,
        ["broadcast"] = new JsonObject { ["self"] = false, ["ack"] = false },
        ["presence"] = new JsonObject { ["enabled"] = false },
        ["postgres_changes"] = new JsonArray(),
    };
}
