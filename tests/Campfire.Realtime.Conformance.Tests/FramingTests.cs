using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class FramingTests
{
    private static readonly byte[] _bytes = [0, 1, 2, 255];

    [Test]
    public async Task C12_text_frames_of_version_2_are_arrays_of_five()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = $"realtime:{Guid.NewGuid()}";

        await socket.SendAsync($$$"""["1","1","{{{topic}}}","phx_join",{"config":{}}]""");

        Assert.That((await socket.NextAsync()).Text, Is.EqualTo(
            $$$"""["1","1","{{{topic}}}","phx_reply",{"status":"ok","response":{"postgres_changes":[]}}]"""));
    }

    [Test]
    public async Task C13_a_binary_push_arrives_as_the_golden_kind_4_bytes()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        await socket.JoinAsync(topic, new() { ["broadcast"] = new JsonObject { ["self"] = true } });

        await socket.SendAsync(BinaryFrames.Push("1", "2", topic, "é", """{"a":1}"""u8.ToArray(), isBinary: false));

        var expected = (byte[])[4, (byte)topic.Length, 2, 0, 1, .. Encoding.UTF8.GetBytes(topic + "é"), .. """{"a":1}"""u8];
        Assert.That((await socket.BinaryAsync()).Bytes, Is.EqualTo(expected));
    }

    [TestCase("not json")]
    [TestCase("{}")]
    [TestCase("""["1","1"]""")]
    [TestCase("""[1,2,3,4,5]""")]
    public async Task C15_a_malformed_text_frame_is_dropped_and_the_socket_stays(string frame)
    {
        await using var socket = await Target.ConnectAsync();

        await socket.SendAsync(frame);

        Assert.That((await socket.JoinAsync($"realtime:{Guid.NewGuid()}")).Reply["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [TestCase(new byte[0])]
    [TestCase(new byte[] { 9 })]
    [TestCase(new byte[] { 3, 200, 200 })]
    [TestCase(new byte[] { 3, 1, 1, 255, 1, 0, 1, 49 })]
    public async Task C15_a_malformed_binary_frame_is_dropped_and_the_socket_stays(byte[] frame)
    {
        await using var socket = await Target.ConnectAsync();

        await socket.SendAsync(frame);

        Assert.That((await socket.JoinAsync($"realtime:{Guid.NewGuid()}")).Reply["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task C16_frames_of_version_1_have_exactly_four_keys()
    {
        await using var socket = await Target.ConnectAsync("1.0.0");

        await socket.JoinAsync($"realtime:{Guid.NewGuid()}", new() { ["presence"] = new JsonObject { ["enabled"] = true } });

        var frame = await socket.EventAsync("presence_state");
        Assert.That(frame.Json.AsObject().Select(pair => pair.Key), Is.EquivalentTo(new[] { "topic", "event", "payload", "ref" }));
    }

    [Test]
    public async Task C18_a_binary_payload_never_reaches_version_1()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var sender = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");
        var (joinRef, _) = await sender.JoinAsync(topic, new() { ["broadcast"] = new JsonObject { ["ack"] = true } });
        await old.JoinAsync(topic);

        await sender.SendAsync(BinaryFrames.Push(joinRef, "7", topic, "bytes", _bytes, isBinary: true));
        await sender.ReplyToAsync("7");
        await sender.PushAsync(topic, "broadcast", JsonNode.Parse("""{"type":"broadcast","event":"text","payload":{}}"""), joinRef);

        var first = await old.EventAsync("broadcast");
        Assert.That(first.Payload!["event"]!.ToString(), Is.EqualTo("text"));
    }
}
