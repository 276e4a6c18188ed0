using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Interop.Tests;

// supabase-js and our client in one conversation, each as the visitor and as the agent.
[TestFixture(SenderType.Visitor)]
[TestFixture(SenderType.Agent)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AcrossLanguagesTests(SenderType javaScriptIs)
{
    private Meeting _meeting = null!;

    [SetUp]
    public async Task Meet() => _meeting = await Meeting.StartAsync(EmulatorFixture.Emulator, javaScriptIs);

    [TearDown]
    public async Task Part()
    {
        // Null when the meeting could not start; that failure is the one to show.
        if (_meeting is not null)
            await _meeting.DisposeAsync();
    }

    [Test]
    public async Task Messages_reach_both_sides_once_and_in_order()
    {
        string[] contents = ["Hello", "é 😀 \"quoted\"\n", "Third", "Fourth", "Fifth", "Sixth"];
        for (var i = 0; i < contents.Length; i += 2)
        {
            await _meeting.JavaScriptSendsAsync(contents[i]);
            await _meeting.DotNet.SendMessageAsync(contents[i + 1]).WaitAsync(Meeting.Deadline);
        }

        List<MessageCreated> dotNet = await ReadMessagesAsync(contents.Length);
        List<JsonNode> javaScript = await HearMessagesAsync(contents.Length);

        Assert.That(dotNet.Select(message => message.Content), Is.EqualTo(contents));
        Assert.That(javaScript.Select(message => (string?)message["content"]), Is.EqualTo(contents));
        Assert.That(javaScript.Select(message => (long)message["sequence"]!), Is.EqualTo(dotNet.Select(message => message.Sequence)));
        Assert.That(dotNet.Select(message => (message.SenderType, message.SenderId)).Distinct(), Is.EqualTo(new[]
        {
            (_meeting.JavaScriptIs, _meeting.JavaScriptId),
            (_meeting.DotNetIs, _meeting.DotNetId),
        }));
    }

    [Test]
    public async Task History_is_the_same_at_both_sides()
    {
        await _meeting.JavaScriptSendsAsync("Hello");
        await _meeting.DotNet.SendMessageAsync("Good day").WaitAsync(Meeting.Deadline);

        IReadOnlyList<MessageCreated> dotNet = await _meeting.DotNet.GetMessagesAsync().WaitAsync(Meeting.Deadline);
        JsonNode javaScript = (await _meeting.JavaScript.CallAsync("history"))!;

        Assert.That(javaScript.AsArray().Select(message => Guid.Parse((string)message!["id"]!)), Is.EqualTo(dotNet.Select(message => message.Id)));
        Assert.That(dotNet, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Typing_is_seen_by_the_other_side()
    {
        await using IAsyncEnumerator<TypingChange> changes = _meeting.DotNet.Typing.ReadChangesAsync().GetAsyncEnumerator();
        ValueTask<bool> first = changes.MoveNextAsync();
        _meeting.DotNet.Typing.DisplayName = "Ada";

        // The start does not wait for its join, and a stop before that would take it back.
        Task<JsonNode?> seen = _meeting.JavaScript.CallAsync("nextTyping");
        while (!seen.IsCompleted)
        {
            await _meeting.DotNet.Typing.StartAsync().WaitAsync(Meeting.Deadline);
            await ((Task)seen).WaitAsync(TimeSpan.FromMilliseconds(50)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        JsonNode start = (await seen)!;
        await _meeting.DotNet.Typing.StopAsync().WaitAsync(Meeting.Deadline);
        JsonNode stop = (await _meeting.JavaScript.CallAsync("nextTyping"))!;

        Assert.That(((bool)start["isTyping"]!, (string?)start["sender_name"], (string?)start["sender_id"], (string?)start["sender_type"]),
            Is.EqualTo((true, "Ada", _meeting.DotNetId, NameOf(_meeting.DotNetIs))));
        Assert.That((bool)stop["isTyping"]!, Is.False);

        await JavaScriptTypesAsync(true);
        await JavaScriptTypesAsync(false);

        Assert.That(await first.AsTask().WaitAsync(Meeting.Deadline), Is.True);
        Assert.That((changes.Current.IsTyping, changes.Current.Participant.SenderName, changes.Current.Participant.SenderId, changes.Current.Participant.SenderType),
            Is.EqualTo((true, "Vera", _meeting.JavaScriptId, _meeting.JavaScriptIs)));
        Assert.That(await changes.MoveNextAsync().AsTask().WaitAsync(Meeting.Deadline), Is.True);
        Assert.That(changes.Current.IsTyping, Is.False);
    }

    [Test]
    public async Task Presence_is_seen_by_the_other_side_until_it_leaves()
    {
        await using IAsyncEnumerator<IReadOnlyList<PresentParticipant>> lists = _meeting.DotNet.Presence.WatchAsync().GetAsyncEnumerator();
        await _meeting.DotNet.Presence.TrackAsync(new PresenceDetails { Name = "Ada", Kind = _meeting.DotNetIs }).WaitAsync(Meeting.Deadline);
        JsonNode alone = (await _meeting.JavaScript.CallAsync("nextPresent", new { count = 1 }))!;
        Assert.That(alone.ToJsonString(), Is.EqualTo($$"""[{"key":"{{_meeting.DotNetId}}","name":"Ada","kind":"{{NameOf(_meeting.DotNetIs)}}"}]"""));

        Assert.That((string?)await _meeting.JavaScript.CallAsync("track", new { name = "Vera", kind = NameOf(_meeting.JavaScriptIs) }), Is.EqualTo("ok"));
        IReadOnlyList<PresentParticipant> both = await NextAsync(lists, list => list.Count == 2);
        Assert.That(both.Select(one => (one.Details.Name, one.Details.Kind)),
            Is.EquivalentTo(new[] { ("Ada", (SenderType?)_meeting.DotNetIs), ("Vera", _meeting.JavaScriptIs) }));
        await _meeting.JavaScript.CallAsync("nextPresent", new { count = 2 });

        await _meeting.DotNet.Presence.UntrackAsync().WaitAsync(Meeting.Deadline);
        await _meeting.JavaScript.CallAsync("nextPresent", new { count = 1 });
        await _meeting.JavaScript.CallAsync("leave");
        Assert.That(await NextAsync(lists, list => list.Count == 0), Is.Empty);
    }

    [Test]
    public async Task Receipts_reach_the_other_side()
    {
        SentMessage fromDotNet = await _meeting.DotNet.SendMessageAsync("Read this").WaitAsync(Meeting.Deadline);
        await _meeting.JavaScript.CallAsync("markRead", new { through = fromDotNet.Sequence });
        var read = (ReadReceipt)await NextEventAsync(e => e is ReadReceipt);
        Assert.That((read.ParticipantType, read.ParticipantId, read.ReadThrough), Is.EqualTo((_meeting.JavaScriptIs, _meeting.JavaScriptId, fromDotNet.Sequence)));
        await _meeting.JavaScript.CallAsync("nextReceipt");

        JsonNode fromJavaScript = await _meeting.JavaScriptSendsAsync("And this");
        await _meeting.DotNet.MarkReadAsync((long)fromJavaScript["sequence"]!).WaitAsync(Meeting.Deadline);
        JsonNode receipt = (await _meeting.JavaScript.CallAsync("nextReceipt"))!;
        Assert.That(((string?)receipt["participant_id"], (long)receipt["read_through"]!), Is.EqualTo((_meeting.DotNetId, (long)fromJavaScript["sequence"]!)));
    }

    [Test]
    public async Task Forged_message_of_a_participant_reaches_nobody()
    {
        await _meeting.JavaScript.CallAsync("forge");
        await _meeting.JavaScriptSendsAsync("Genuine");

        Assert.That((await ReadMessagesAsync(1))[0].Content, Is.EqualTo("Genuine"));
    }

    private static string NameOf(SenderType type) => type == SenderType.Visitor ? "visitor" : "agent";

    private static async Task<IReadOnlyList<PresentParticipant>> NextAsync(
        IAsyncEnumerator<IReadOnlyList<PresentParticipant>> lists, Func<IReadOnlyList<PresentParticipant>, bool> predicate)
    {
        do
        {
            Assert.That(await lists.MoveNextAsync().AsTask().WaitAsync(Meeting.Deadline), Is.True);
        }
        while (!predicate(lists.Current));
        return lists.Current;
    }

    private Task<JsonNode?> JavaScriptTypesAsync(bool isTyping) => _meeting.JavaScript.CallAsync(
        "type", new { isTyping, senderType = NameOf(_meeting.JavaScriptIs), senderId = _meeting.JavaScriptId, name = "Vera" });

    private async Task<List<JsonNode>> HearMessagesAsync(int count)
    {
        var messages = new List<JsonNode>();
        while (messages.Count < count)
            messages.Add((await _meeting.JavaScript.CallAsync("nextMessage"))!);
        return messages;
    }

    private async Task<List<MessageCreated>> ReadMessagesAsync(int count)
    {
        using var deadline = new CancellationTokenSource(Meeting.Deadline);
        var messages = new List<MessageCreated>();
        await foreach (ConversationEvent e in _meeting.DotNet.ReadEventsAsync(deadline.Token))
        {
            if (e is MessageCreated message)
                messages.Add(message);
            if (messages.Count == count)
                break;
        }

        return messages;
    }

    private async Task<ConversationEvent> NextEventAsync(Func<ConversationEvent, bool> predicate)
    {
        using var deadline = new CancellationTokenSource(Meeting.Deadline);
        await foreach (ConversationEvent e in _meeting.DotNet.ReadEventsAsync(deadline.Token))
        {
            if (predicate(e))
                return e;
        }

        throw new InvalidOperationException("The stream has ended.");
    }
}
