using System.Text.Json.Nodes;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Typing;

public sealed class TypingTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(8);

    [Test]
    public async Task Keystrokes_are_one_notice_in_three_seconds()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();

        await conversation.Typing.StartAsync().InTime();
        await conversation.Typing.StartAsync().InTime();
        Assert.That(await NoticeAsync(socket), Is.EqualTo(EventNames.TypingStart));
        Assert.That(Notices(socket), Is.Empty);
        world.Time.Advance(Interval);
        await conversation.Typing.StartAsync().InTime();

        Assert.That(await NoticeAsync(socket), Is.EqualTo(EventNames.TypingStart));
    }

    [Test]
    public async Task Stop_soon_after_the_start_goes_out_when_the_three_seconds_are_over()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();
        await conversation.Typing.StartAsync().InTime();
        await NoticeAsync(socket);

        world.Time.Advance(TimeSpan.FromSeconds(1));
        await conversation.Typing.StopAsync().InTime();
        Assert.That(Notices(socket), Is.Empty);
        world.Time.Advance(TimeSpan.FromSeconds(2));

        Assert.That(await NoticeAsync(socket), Is.EqualTo(EventNames.TypingStop));
    }

    [Test]
    public async Task Start_and_stop_in_turn_are_merged_to_what_was_said_last()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();
        await conversation.Typing.StartAsync().InTime();
        await NoticeAsync(socket);

        for (int i = 0; i < 10; i++)
        {
            await conversation.Typing.StopAsync().InTime();
            await conversation.Typing.StartAsync().InTime();
        }

        await conversation.Typing.StopAsync().InTime();
        world.Time.Advance(Interval);

        Assert.That(await NoticeAsync(socket), Is.EqualTo(EventNames.TypingStop));
        world.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.That(Notices(socket), Is.Empty);
    }

    [Test]
    public async Task Stop_without_a_start_sends_nothing_and_joins_nothing()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();

        await conversation.Typing.StopAsync().InTime();

        Assert.That(socket.TakeSent(), Is.Empty);
    }

    [Test]
    public async Task Typing_gives_way_while_the_project_is_near_its_limit()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        socket.SystemError(join, "Too many messages per second");
        socket.CloseChannel(join);
        await world.Time.PassUntilAsync(socket.SentAsync("phx_join"), TimeSpan.FromSeconds(1));
        DateTimeOffset rejoined = world.Time.GetUtcNow();

        await conversation.Typing.StartAsync().InTime();
        Assert.That(Notices(socket), Is.Empty);

        // Whatever part of the minute the rejoin has left.
        world.Time.Advance(TimeSpan.FromMinutes(1));
        await conversation.Typing.StartAsync().InTime();
        Assert.That(await NoticeAsync(socket), Is.EqualTo(EventNames.TypingStart));
        Assert.That(rejoined, Is.LessThan(world.Time.GetUtcNow()));
    }

    [Test]
    public async Task Repeated_notices_are_one_change()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();
        (SentFrame join, IAsyncEnumerator<TypingChange> changes, ValueTask<bool> first) = await ReadingAsync(conversation, socket);

        Receive(world, socket, join, EventNames.TypingStart);
        Receive(world, socket, join, EventNames.TypingStart);
        Receive(world, socket, join, EventNames.TypingStop);
        Receive(world, socket, join, EventNames.TypingStop);
        Receive(world, socket, join, EventNames.TypingStart, "b");

        Assert.That(await first.InTime(), Is.True);
        var seen = new List<(string, bool)> { (changes.Current.Participant.SenderId, changes.Current.IsTyping) };
        foreach (TypingChange change in await changes.TakeAsync(2))
            seen.Add((change.Participant.SenderId, change.IsTyping));
        Assert.That(seen, Is.EqualTo(new[] { ("a", true), ("a", false), ("b", true) }));
        await changes.DisposeAsync();
    }

    [Test]
    public async Task Silence_of_eight_seconds_ends_the_typing()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();
        (SentFrame join, IAsyncEnumerator<TypingChange> changes, ValueTask<bool> first) = await ReadingAsync(conversation, socket);
        Receive(world, socket, join, EventNames.TypingStart);
        await first.InTime();

        await world.Time.ArmedAsync(Silence);
        world.Time.Advance(TimeSpan.FromSeconds(5));
        Receive(world, socket, join, EventNames.TypingStart);
        Receive(world, socket, join, EventNames.TypingStart, "b");
        TypingChange b = await changes.NextAsync();
        world.Time.Advance(TimeSpan.FromSeconds(7.999));
        ValueTask<bool> next = changes.MoveNextAsync();
        Assert.That(next.IsCompleted, Is.False);
        world.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That(await next.InTime(), Is.True);
        TypingChange one = changes.Current, other = await changes.NextAsync();
        Assert.Multiple(() =>
        {
            Assert.That(b.IsTyping, Is.True);
            Assert.That(new[] { one, other }.Select(change => (change.Participant.SenderId, change.IsTyping)), Is.EquivalentTo(new[] { ("a", false), ("b", false) }));
        });
        await changes.DisposeAsync();
    }

    [TestCase("sender_id")]
    [TestCase("sender_name")]
    public async Task Notice_with_a_huge_name_is_dropped_and_counted(string field)
    {
        var log = new KeptLog(LogLevel.Warning);
        await using var world = new World(options => options.LoggerFactory = log);
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();
        (SentFrame join, IAsyncEnumerator<TypingChange> changes, ValueTask<bool> first) = await ReadingAsync(conversation, socket);

        Receive(world, socket, join, EventNames.TypingStart, who: "longest", field, new string('x', 1024));
        Receive(world, socket, join, EventNames.TypingStart, who: "huge", field, new string('x', 1025));
        Receive(world, socket, join, EventNames.TypingStart, "b");

        Assert.That(await first.InTime(), Is.True);
        TypingNotice longest = changes.Current.Participant, next = (await changes.NextAsync()).Participant;
        Assert.Multiple(() =>
        {
            Assert.That(Math.Max(longest.SenderId.Length, longest.SenderName?.Length ?? 0), Is.EqualTo(1024));
            Assert.That(next.SenderId, Is.EqualTo("b"));
            Assert.That(log.Lines.Single(line => line.Id == 1110).Text, Does.Contain("1024").And.Not.Contain("xxx"));
        });
        await changes.DisposeAsync();
    }

    private static async Task<(SentFrame Join, IAsyncEnumerator<TypingChange> Changes, ValueTask<bool> First)> ReadingAsync(Conversation conversation, ScriptedSocket socket)
    {
        IAsyncEnumerator<TypingChange> changes = conversation.Typing.ReadChangesAsync().GetAsyncEnumerator();
        ValueTask<bool> first = changes.MoveNextAsync();
        SentFrame join = await socket.SentAsync("phx_join");
        return (join, changes, first);
    }

    private static void Receive(World world, ScriptedSocket socket, SentFrame join, string name, string who = "a") => socket.Broadcast(
        join.Topic, name, $$"""{"conversation_id":"{{world.Database.ConversationId}}","sender_type":"agent","sender_id":"{{who}}"}""");

    private static void Receive(World world, ScriptedSocket socket, SentFrame join, string name, string who, string field, string value)
    {
        var notice = new JsonObject { ["conversation_id"] = world.Database.ConversationId.ToString(), ["sender_type"] = "agent", ["sender_id"] = who, ["sender_name"] = null };
        notice[field] = value;
        socket.Broadcast(join.Topic, name, notice.ToJsonString());
    }

    private static async Task<string> NoticeAsync(ScriptedSocket socket)
    {
        while (true)
        {
            SentFrame frame = await socket.SentAsync("broadcast");
            if (frame.UserEvent is { } name)
                return name;
        }
    }

    private static IEnumerable<string?> Notices(ScriptedSocket socket) =>
        [.. socket.TakeSent().Where(frame => frame.Event == "broadcast").Select(frame => frame.UserEvent)];
}
