using Campfire.Realtime.Emulator;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.TestSupport;
using static Campfire.Realtime.Tests.Conversations.DeskClients;

namespace Campfire.Realtime.Tests.Conversations;

[TestFixture]
public sealed class SignalTests
{
    private SupportDesk _desk = null!;
    private CampfireClient _visitor = null!;
    private CampfireClient _agent = null!;
    private Conversation _visitorSide = null!;
    private Conversation _agentSide = null!;

    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    [SetUp]
    public async Task JoinBothSides()
    {
        _desk = await SupportDesk.CreateAsync(Emulator);
        _visitor = await ConnectAsync(Emulator, _desk.VisitorToken);
        _agent = await ConnectAsync(Emulator, _desk.AgentToken);
        _visitorSide = await _visitor.JoinAsync(_desk);
        _agentSide = await _agent.JoinAsync(_desk);
    }

    [TearDown]
    public async Task LeaveBothSides()
    {
        await _visitor.DisposeAsync();
        await _agent.DisposeAsync();
    }

    [Test]
    public async Task Typing_is_seen_by_the_other_side()
    {
        await using IAsyncEnumerator<TypingChange> changes = _agentSide.Typing.ReadChangesAsync().GetAsyncEnumerator();
        ValueTask<bool> first = changes.MoveNextAsync();
        _visitorSide.Typing.DisplayName = "Vera";

        // Neither side waits for its join, and what is typed before the other one's is missed.
        Task<bool> seen = first.AsTask().WaitAsync(Deadline);
        while (!seen.IsCompleted)
        {
            await _visitorSide.Typing.StartAsync().WaitAsync(Deadline);
            await ((Task)seen).WaitAsync(TimeSpan.FromMilliseconds(50)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Assert.That(await seen, Is.True);
        Assert.That((changes.Current.IsTyping, changes.Current.Participant.SenderType, changes.Current.Participant.SenderId, changes.Current.Participant.SenderName),
            Is.EqualTo((true, SenderType.Visitor, _desk.VisitorId.ToString(), "Vera")));
        await _visitorSide.Typing.StopAsync().WaitAsync(Deadline);
        Assert.That(await changes.MoveNextAsync().AsTask().WaitAsync(Deadline), Is.True);
        Assert.That(changes.Current.IsTyping, Is.False);
    }

    [Test]
    public async Task Presence_is_seen_by_the_other_side_until_it_leaves()
    {
        await _visitorSide.Presence.TrackAsync(new PresenceDetails { Name = "Vera", Kind = SenderType.Visitor }).WaitAsync(Deadline);
        await using IAsyncEnumerator<IReadOnlyList<PresentParticipant>> lists = _agentSide.Presence.WatchAsync().GetAsyncEnumerator();

        PresentParticipant present = (await NextAsync(lists, list => list.Count == 1))[0];
        Assert.That((present.Key, present.Details.Name, present.Connections), Is.EqualTo((_desk.VisitorId.ToString(), "Vera", 1)));

        await _visitor.DisposeAsync();
        Assert.That(await NextAsync(lists, list => list.Count == 0), Is.Empty);
    }

    [Test]
    public async Task Receipt_reaches_the_other_side()
    {
        SentMessage sent = await _visitorSide.SendMessageAsync("Hello");
        await _agentSide.MarkReadAsync(sent.Sequence).WaitAsync(Deadline);

        using var deadline = new CancellationTokenSource(Deadline);
        await foreach (ConversationEvent e in _visitorSide.ReadEventsAsync(deadline.Token))
        {
            if (e is not ReadReceipt receipt)
                continue;
            Assert.That((receipt.ParticipantType, receipt.ParticipantId, receipt.ReadThrough, receipt.DeliveredThrough),
                Is.EqualTo((SenderType.Agent, _desk.AgentId.ToString(), sent.Sequence, sent.Sequence)));
            break;
        }
    }

    [Test]
    public async Task Inbox_lists_what_is_there_and_then_what_changes()
    {
        await using Inbox inbox = await _agent.JoinInboxAsync(_desk.OrganizationId).WaitAsync(Deadline);
        Assert.That(inbox.Conversations.Select(conversation => conversation.Id), Is.EqualTo(new[] { _desk.ConversationId }));

        await _visitorSide.SendMessageAsync("Is anybody there?");

        await using IAsyncEnumerator<ConversationSummary> changes = inbox.ReadChangesAsync().GetAsyncEnumerator();
        Assert.That(await changes.MoveNextAsync().AsTask().WaitAsync(Deadline), Is.True);
        Assert.That((changes.Current.Id, changes.Current.LastMessagePreview, changes.Current.LastMessageSenderType),
            Is.EqualTo((_desk.ConversationId, "Is anybody there?", (SenderType?)SenderType.Visitor)));
    }

    [Test]
    public async Task Channel_of_the_conversation_takes_no_broadcast_of_a_client()
    {
        await using BroadcastChannel channel = await _agent.JoinChannelAsync(ChannelName.Organization(_desk.OrganizationId)).WaitAsync(Deadline);
        var notice = new TypingNotice { ConversationId = _desk.ConversationId, SenderType = SenderType.Agent, SenderId = "x" };

        InvalidOperationException? refused = Assert.ThrowsAsync<InvalidOperationException>(
            async () => await channel.SendAsync(EventNames.MessageCreated, notice, CampfireJsonContext.Default.TypingNotice));

        Assert.That(refused!.Message, Does.Contain("receive-only"));
    }

    [Test]
    public void Second_join_of_a_conversation_names_the_first()
    {
        InvalidOperationException? refused = Assert.ThrowsAsync<InvalidOperationException>(() => _agent.JoinAsync(_desk));

        Assert.That(refused!.Message, Does.Contain("has joined").And.Contain("dispose it first"));
    }

    private static async Task<IReadOnlyList<PresentParticipant>> NextAsync(
        IAsyncEnumerator<IReadOnlyList<PresentParticipant>> lists, Func<IReadOnlyList<PresentParticipant>, bool> predicate)
    {
        do
        {
            Assert.That(await lists.MoveNextAsync().AsTask().WaitAsync(Deadline), Is.True);
        }
        while (!predicate(lists.Current));
        return lists.Current;
    }
}
