using Campfire.Realtime.Emulator;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.TestSupport;
using static Campfire.Realtime.Tests.Conversations.DeskClients;

namespace Campfire.Realtime.Tests.Conversations;

// Each test injects faults, so each has an emulator of its own.
[TestFixture]
public sealed class DeliveryTests
{
    private CampfireEmulator _emulator = null!;
    private SupportDesk _desk = null!;
    private CampfireClient _visitor = null!;
    private CampfireClient _agent = null!;
    private Conversation _visitorSide = null!;
    private Conversation _agentSide = null!;

    [SetUp]
    public async Task JoinBothSides()
    {
        _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast, Limits = EmulatorFixture.Unhurried() });
        await VisitorLimits.LiftAsync(_emulator);
        _desk = await SupportDesk.CreateAsync(_emulator);
        _visitor = await ConnectAsync(_emulator, _desk.VisitorToken);
        _agent = await ConnectAsync(_emulator, _desk.AgentToken, options => options.EventBufferSize = 16);
        _visitorSide = await _visitor.JoinAsync(_desk);
        _agentSide = await _agent.JoinAsync(_desk);
    }

    [TearDown]
    public async Task LeaveBothSides()
    {
        await _visitor.DisposeAsync();
        await _agent.DisposeAsync();
        await _emulator.DisposeAsync();
    }

    [Test]
    public async Task Messages_of_both_sides_reach_both_sides_in_the_order_in_which_they_were_stored()
    {
        string[] contents = [.. Enumerable.Range(0, 20).Select(i => $"{i} ✓ \n zweite Zeile")];
        for (int i = 0; i < contents.Length; i++)
            await (i % 2 == 0 ? _visitorSide : _agentSide).SendMessageAsync(contents[i]);

        List<StoredEvent> atAgent = await _agentSide.ReadMessagesAsync(20);
        List<StoredEvent> atVisitor = await _visitorSide.ReadMessagesAsync(20);

        AssertOnceAndInOrder(atAgent, contents);
        AssertOnceAndInOrder(atVisitor, contents);
        var first = (MessageCreated)atAgent[0];
        var second = (MessageCreated)atAgent[1];
        Assert.That((first.SenderType, first.SenderId, second.SenderType, second.SenderId, second.SenderName), Is.EqualTo(
            (SenderType.Visitor, _desk.VisitorId.ToString(), SenderType.Agent, _desk.AgentId.ToString(), "Ada")));
    }

    [Test]
    public async Task Lost_broadcast_is_read_from_the_log()
    {
        _emulator.Faults.LoseNextBroadcasts(3);
        foreach (string content in new[] { "1", "2", "3", "4" })
            await _visitorSide.SendMessageAsync(content);

        AssertOnceAndInOrder(await _agentSide.ReadMessagesAsync(4), ["1", "2", "3", "4"]);
        Assert.That(_emulator.Faults.Injected.Count(fault => fault.Kind == EmulatorFaultKind.BroadcastLost), Is.EqualTo(3));
    }

    [Test]
    public async Task Lost_last_message_of_somebody_else_is_found_by_the_comparison_with_the_log()
    {
        await using CampfireClient attentive = await ConnectAsync(_emulator, _desk.AgentToken, options => options.TailCheckInterval = TimeSpan.FromMilliseconds(200));
        await using Conversation side = await attentive.JoinAsync(_desk);
        _emulator.Faults.LoseNextBroadcasts(1);
        await _visitorSide.SendMessageAsync("only");

        AssertOnceAndInOrder(await side.ReadMessagesAsync(1), ["only"]);
    }

    [Test]
    public async Task Lost_last_message_of_the_sender_itself_is_read_from_the_log_without_a_successor()
    {
        _emulator.Faults.LoseNextBroadcasts(1);
        await _visitorSide.SendMessageAsync("only");

        AssertOnceAndInOrder(await _visitorSide.ReadMessagesAsync(1), ["only"]);
    }

    [Test]
    public async Task Repeated_broadcasts_are_delivered_once()
    {
        _emulator.Faults.DuplicateNextBroadcasts(3);
        foreach (string content in new[] { "1", "2", "3", "4" })
            await _visitorSide.SendMessageAsync(content);

        AssertOnceAndInOrder(await _agentSide.ReadMessagesAsync(4), ["1", "2", "3", "4"]);
    }

    [Test]
    public async Task Swapped_broadcasts_are_delivered_in_order()
    {
        _emulator.Faults.ReorderNextBroadcasts(3);
        foreach (string content in new[] { "1", "2", "3", "4" })
            await _visitorSide.SendMessageAsync(content);

        AssertOnceAndInOrder(await _agentSide.ReadMessagesAsync(4), ["1", "2", "3", "4"]);
    }

    [Test]
    public async Task Dropped_connection_loses_nothing_and_sending_goes_on_meanwhile()
    {
        string[] contents = [.. Enumerable.Range(0, 30).Select(i => $"{i}")];
        for (int i = 0; i < contents.Length; i++)
        {
            if (i is 5 or 15)
                _emulator.Faults.DropConnections(TimeSpan.FromMilliseconds(200));
            await _visitorSide.SendMessageAsync(contents[i]);
        }

        AssertOnceAndInOrder(await _agentSide.ReadMessagesAsync(30), contents);
        AssertOnceAndInOrder(await _visitorSide.ReadMessagesAsync(30), contents);
        await foreach (CampfireStatus status in _agent.WatchStatusAsync())
        {
            if (status.State is CampfireConnectionState.Connected)
                break;
        }
    }

    [Test]
    public async Task Channel_closed_by_the_server_is_joined_again_without_loss()
    {
        await _visitorSide.SendMessageAsync("before");
        _emulator.Faults.CloseChannel(ChannelName.Conversation(_desk.OrganizationId, _desk.ConversationId).Topic);
        await _visitorSide.SendMessageAsync("after");

        AssertOnceAndInOrder(await _agentSide.ReadMessagesAsync(2), ["before", "after"]);
    }

    [Test]
    public async Task Reader_slower_than_the_buffer_still_gets_everything()
    {
        string[] contents = [.. Enumerable.Range(0, 300).Select(i => $"{i}")];
        foreach (string content in contents)
            await _visitorSide.SendMessageAsync(content);

        AssertOnceAndInOrder(await _agentSide.ReadMessagesAsync(300), contents);
    }

    [Test]
    public async Task Resumed_conversation_begins_behind_the_sequence_it_is_given()
    {
        for (int i = 0; i < 3; i++)
            await _visitorSide.SendMessageAsync($"{i}");
        await _agentSide.ReadMessagesAsync(2);
        long position = _agentSide.Position;
        await _agentSide.DisposeAsync();

        await using Conversation again = await _agent.JoinAsync(_desk, position);

        List<StoredEvent> events = await again.ReadMessagesAsync(1);
        Assert.That(events[0].Sequence, Is.EqualTo(position + 1), "an event whose reader had not come back for the next one comes again");
    }

    [Test]
    public async Task Same_message_sent_twice_is_stored_once_and_another_text_is_a_conflict()
    {
        var message = new OutgoingMessage("Hello");
        SentMessage first = await _visitorSide.SendMessageAsync(message);
        SentMessage second = await _visitorSide.SendMessageAsync(message);

        Assert.That(second, Is.EqualTo(first));
        CampfireException? conflict = Assert.ThrowsAsync<CampfireException>(() => _visitorSide.SendMessageAsync(new OutgoingMessage("Other") { Id = message.Id }));
        Assert.That(conflict!.Code, Is.EqualTo(CampfireErrorCode.Conflict));
        Assert.That(await _visitorSide.GetMessagesAsync(), Has.Count.EqualTo(1));
    }

    [TestCase("")]
    [TestCase(" \n\t")]
    [TestCase(null)]
    public void Empty_or_huge_message_is_invalid_and_not_stored(string? content)
    {
        CampfireException? refused = Assert.ThrowsAsync<CampfireException>(() => _visitorSide.SendMessageAsync(content ?? new string('x', 1_000_000)).WaitAsync(Deadline));

        Assert.That(refused!.Code, Is.EqualTo(CampfireErrorCode.Invalid));
        Assert.That(_visitorSide.GetMessagesAsync().WaitAsync(Deadline).GetAwaiter().GetResult(), Is.Empty);
    }

    [Test]
    public async Task Disposed_client_ends_every_stream()
    {
        Task<int> reading = CountAsync(_agentSide);
        await _agent.DisposeAsync().AsTask().WaitAsync(Deadline);

        Assert.That(await reading.WaitAsync(Deadline), Is.Zero);
        Assert.ThrowsAsync<ObjectDisposedException>(() => _agentSide.SendMessageAsync("late"));
        Assert.That(_agent.Status.State, Is.EqualTo(CampfireConnectionState.Closed));
    }

    private static async Task<int> CountAsync(Conversation conversation)
    {
        int count = 0;
        await foreach (ConversationEvent e in conversation.ReadEventsAsync())
            count++;
        return count;
    }
}
