using System.Net;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests.Faults;

[Parallelizable(ParallelScope.Self)]
public sealed class BroadcastFaultTests : FaultFixture
{
    [TestCase("text")]
    [TestCase("binary JSON")]
    [TestCase("binary octets")]
    [TestCase("batch")]
    [TestCase("single JSON")]
    [TestCase("single octets")]
    [TestCase("database")]
    public async Task Faults_hit_broadcasts_of_every_origin_in_the_order_in_which_they_were_requested(string origin)
    {
        await using var sender = await JoinAsync(NewTopic());
        await using var other = await JoinAsync(sender.Topic);
        await using var version1 = await JoinAsync(sender.Topic, vsn: "1.0.0");
        Faults.LoseNextBroadcasts(1);
        Faults.ReorderNextBroadcasts(2);
        Faults.DuplicateNextBroadcasts(1);

        for (var n = 1; n <= 5; n++)
            await SendAsync(origin, sender, n);

        int[] expected = [3, 2, 4, 4, 5];
        Assert.That(await sender.UpToAsync(5), Is.EqualTo(expected));
        Assert.That(await other.UpToAsync(5), Is.EqualTo(expected));
        if (!origin.EndsWith("octets", StringComparison.Ordinal))
            Assert.That(await version1.UpToAsync(5), Is.EqualTo(expected));
        Assert.That(Faults.Injected.Select(fault => fault.Kind), Is.EqualTo(new[]
        {
            EmulatorFaultKind.BroadcastLost,
            EmulatorFaultKind.BroadcastReordered,
            EmulatorFaultKind.BroadcastReordered,
            EmulatorFaultKind.BroadcastDuplicated,
        }));
        Assert.That(Faults.Injected.Select(fault => NumberIn(fault.Detail!)), Is.EqualTo(new[] { 1, 2, 3, 4 }));
        Assert.That(Faults.Injected.Select(fault => fault.Topic), Is.All.EqualTo(SubTopicOf(sender.Topic)));
    }

    [Test]
    public async Task A_lost_broadcast_is_acknowledged()
    {
        await using var sender = await JoinAsync(NewTopic(), ack: true);
        Faults.LoseNextBroadcasts(1);

        var reply = await sender.Socket.ReplyToAsync(await sender.Socket.PushAsync(sender.Topic, "broadcast", new JsonObject(), sender.JoinRef));

        Assert.That((string?)reply.Payload!["status"], Is.EqualTo("ok"));
        Assert.That(sender.Socket.Unread, Is.Empty);
    }

    [Test]
    public async Task Broadcasts_without_an_audience_use_no_fault_up()
    {
        await using var member = await JoinAsync(NewTopic());
        Faults.LoseNextBroadcasts(1);
        using var batch = await PostBatchAsync(NewTopic(), 1);
        using var single = await PostSingleAsync(NewTopic(), Json(1));

        await member.SendTextAsync(1);
        await member.SendTextAsync(2);

        Assert.That((batch.StatusCode, single.StatusCode), Is.EqualTo((HttpStatusCode.Accepted, HttpStatusCode.Accepted)));
        Assert.That(await member.UpToAsync(2), Is.EqualTo(new[] { 2 }));
    }

    [Test]
    public async Task Replayed_rows_use_no_fault_up()
    {
        var topic = NewTopic();
        await SendFromDatabaseAsync(topic, 1, isPrivate: true);
        await SendFromDatabaseAsync(topic, 2, isPrivate: true);
        await using var socket = await PlainSocket.ConnectAsync(Emulator.Url, Emulator.ServiceKey);
        Faults.LoseNextBroadcasts(1);

        var (joinRef, _) = await socket.JoinAsync(topic, JsonNode.Parse("""{"private":true,"broadcast":{"self":true,"replay":{"since":0}}}""")!.AsObject());

        var member = new Member(socket, topic, joinRef);
        Assert.That(await member.UpToAsync(2), Is.EqualTo(new[] { 1, 2 }));
        await member.SendTextAsync(3);
        await member.SendTextAsync(4);
        Assert.That(await member.UpToAsync(4), Is.EqualTo(new[] { 4 }));
    }

    [Test]
    public async Task Reordered_broadcasts_go_to_those_who_are_members_when_the_last_one_comes()
    {
        await using var member = await JoinAsync(NewTopic());
        Faults.ReorderNextBroadcasts(2);
        await member.SendTextAsync(1);
        await member.Socket.PushAsync(member.Topic, "phx_leave", null, member.JoinRef);
        await member.Socket.EventAsync("phx_close");
        await using var successor = await JoinAsync(member.Topic);

        await successor.SendTextAsync(2);
        await successor.SendTextAsync(3);

        Assert.That(await successor.UpToAsync(3), Is.EqualTo(new[] { 2, 1, 3 }));
    }

    [Test]
    public async Task Reordering_takes_the_broadcasts_of_all_topics_together()
    {
        await using var first = await JoinAsync(NewTopic());
        await using var second = await JoinAsync(NewTopic());
        Faults.ReorderNextBroadcasts(3);

        await first.SendTextAsync(1);
        await first.BarrierAsync();
        await second.SendTextAsync(9);
        await second.BarrierAsync();
        Assert.That(second.Numbers, Is.Empty);
        await first.SendTextAsync(2);
        await first.SendTextAsync(3);

        Assert.That(await first.UpToAsync(3), Is.EqualTo(new[] { 2, 1, 3 }));
        Assert.That(await second.UpToAsync(9), Is.EqualTo(new[] { 9 }));
    }

    [Test]
    public async Task Clearing_delivers_what_is_held_back_and_forgets_the_rest()
    {
        await using var member = await JoinAsync(NewTopic());
        Faults.ReorderNextBroadcasts(3);
        Faults.LoseNextBroadcasts(1);
        await member.SendTextAsync(1);
        await member.SendTextAsync(2);
        await member.BarrierAsync();
        Assert.That(member.Numbers, Is.Empty);

        Faults.Clear();

        Assert.That(Faults.Injected, Is.Empty);
        await member.SendTextAsync(3);
        await member.SendTextAsync(4);
        Assert.That(await member.UpToAsync(4), Is.EqualTo(new[] { 1, 2, 3, 4 }));
    }

    [Test]
    public void Counts_out_of_range_are_refused()
    {
        foreach (var count in (int[])[-1, 0, 1_000_001])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => Faults.LoseNextBroadcasts(count));
            Assert.Throws<ArgumentOutOfRangeException>(() => Faults.DuplicateNextBroadcasts(count));
            Assert.Throws<ArgumentOutOfRangeException>(() => Faults.ReorderNextBroadcasts(count));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => Faults.ReorderNextBroadcasts(1));
        Assert.That(() => Faults.LoseNextBroadcasts(1_000_000), Throws.Nothing);
    }

    private async Task SendAsync(string origin, Member sender, int n)
    {
        using var answer = origin switch
        {
            "batch" => await PostBatchAsync(sender.Topic, n),
            "single JSON" => await PostSingleAsync(sender.Topic, Json(n)),
            "single octets" => await PostSingleAsync(sender.Topic, Octets(n)),
            _ => null,
        };
        if (answer is not null)
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        else if (origin == "text")
            await sender.SendTextAsync(n);
        else if (origin == "database")
            await SendFromDatabaseAsync(sender.Topic, n);
        else
            await sender.SendBinaryAsync(n, isJson: origin == "binary JSON");
    }

    private static int NumberIn(string detail)
    {
        if (detail[0] != '{')
            return Convert.FromBase64String(detail)[0];
        var payload = JsonNode.Parse(detail)!;
        return (int)(payload["n"] ?? payload["payload"]!["n"])!;
    }
}
