using System.Net;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Outbox;

public sealed class OutboxWithdrawalTests : IDisposable
{
    private readonly OutboxFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [TestCase(false)]
    [TestCase(true)]
    public async Task Message_that_has_not_been_tried_is_never_sent(bool isOfEarlierRun)
    {
        var message = OutboxFolder.Message("withdrawn");
        await using FileOutbox outbox = await _folder.OpenAsync();
        if (isOfEarlierRun)
            await outbox.AddAsync(message);
        await using var world = new World(options => options.Outbox = outbox);
        if (!isOfEarlierRun)
            await world.Client.EnqueueMessageAsync(message.ConversationId, message.Message).InTime();

        Assert.That(await world.Client.WithdrawMessageAsync(message.Message.Id).InTime(), Is.True);

        Assert.That(await outbox.ReadAsync(), Is.Empty);
        var next = new OutgoingMessage("next");
        await world.Client.EnqueueMessageAsync(message.ConversationId, next).InTime();
        await world.ConnectAsync();
        Assert.That((await world.FirstResultAsync()).MessageId, Is.EqualTo(next.Id));
        Assert.That(world.Database.Contents, Is.EqualTo(["next"]));
    }

    [Test]
    public async Task Message_that_waits_to_be_tried_again_makes_way_for_those_behind_it()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        world.Database.OnCall = (_, arguments, _) => Task.FromResult((string)arguments["p_content"]! == "stuck"
            ? ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy") : null);
        OutgoingMessage stuck = new("stuck"), next = new("next");
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, stuck).InTime();
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, next).InTime();
        await world.ConnectAsync();
        await world.Time.ArmedAsync(due => due > TimeSpan.Zero && due < TimeSpan.FromMilliseconds(500));

        Assert.That(await world.Client.WithdrawMessageAsync(stuck.Id).InTime(), Is.True);

        Assert.That((await world.FirstResultAsync()).MessageId, Is.EqualTo(next.Id));
        Assert.That(await world.Client.WithdrawMessageAsync(stuck.Id).InTime(), Is.False);
    }

    [TestCase("stored", false)]
    [TestCase("refused", false)]
    [TestCase("lost", true)]
    public async Task Request_under_way_decides(string fate, bool isWithdrawn)
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = async (_, _, cancellationToken) =>
        {
            arrived.TrySetResult();
            await answer.Task.WaitAsync(cancellationToken);
            return fate switch
            {
                "stored" => null,
                "refused" => ScriptedDatabase.Error(HttpStatusCode.Forbidden, "campfire_not_participant"),
                _ => throw new HttpRequestException("the answer was lost"),
            };
        };
        var message = new OutgoingMessage("hello");
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        await world.ConnectAsync();
        await arrived.Task.InTime();

        // Who gives up waiting has asked nevertheless, and only then does the answer come.
        using var giving = new CancellationTokenSource();
        Task<bool> first = world.Client.WithdrawMessageAsync(message.Id, giving.Token);
        await giving.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => first.InTime());
        Task<bool> withdrawing = world.Client.WithdrawMessageAsync(message.Id);
        Assert.That(withdrawing.IsCompleted, Is.False);
        answer.SetResult();

        Assert.That(await withdrawing.InTime(), Is.EqualTo(isWithdrawn));
        Assert.That(await outbox.ReadAsync(), Is.Empty);
        Assert.That(world.Database.Calls("campfire_send_message"), Is.EqualTo(1));
        if (!isWithdrawn)
            Assert.That((await world.FirstResultAsync()).Outcome, Is.EqualTo(fate == "stored" ? SendOutcome.Stored : SendOutcome.Refused));
    }

    [Test]
    public async Task Message_that_was_withdrawn_may_be_enqueued_again()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        var message = new OutgoingMessage("hello");
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        await world.Client.WithdrawMessageAsync(message.Id).InTime();

        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        await world.ConnectAsync();

        Assert.That((await world.FirstResultAsync()).Outcome, Is.EqualTo(SendOutcome.Stored));
    }

    [Test]
    public async Task Withdrawal_that_the_end_of_the_client_cuts_says_so_and_leaves_the_message()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        var world = new World(options => options.Outbox = outbox);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = async (_, _, cancellationToken) =>
        {
            arrived.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return null;
        };
        var message = new OutgoingMessage("hello");
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        await world.ConnectAsync();
        await arrived.Task.InTime();
        Task<bool> withdrawing = world.Client.WithdrawMessageAsync(message.Id);

        await world.DisposeAsync();

        Assert.ThrowsAsync<ObjectDisposedException>(() => withdrawing.InTime());
        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(1));
        Assert.Throws<ObjectDisposedException>(() => world.Client.WithdrawMessageAsync(message.Id));
    }

    [Test]
    public async Task Withdrawal_that_begins_while_the_client_ends_does_not_say_that_nothing_waits()
    {
        var outbox = new SlowOutbox();
        OutboxMessage message = OutboxFolder.Message();
        await outbox.AddAsync(message);
        var world = new World(options => options.Outbox = outbox);
        Task reading = outbox.HoldAsync(nameof(IOutbox.ReadAsync));
        Task<bool> withdrawing = world.Client.WithdrawMessageAsync(message.Message.Id);
        await reading.InTime();

        await world.DisposeAsync();
        outbox.Release();

        Assert.ThrowsAsync<ObjectDisposedException>(() => withdrawing.InTime());
        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(1));
    }

    // The outbox still holds it, and would take it for accepted.
    [Test]
    public async Task Message_that_is_enqueued_again_while_it_is_being_withdrawn_is_accepted_behind_its_removal_and_sent()
    {
        var disk = new FailingDisk();
        await using FileOutbox outbox = await _folder.OpenAsync(disk: disk);
        await using var world = new World(options => options.Outbox = outbox);
        var message = new OutgoingMessage("hello");
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        disk.FailsToFlush = disk.FailsToCut = true;
        Task<bool> withdrawing = world.Client.WithdrawMessageAsync(message.Id);
        await world.Time.ArmedAsync(due => due > TimeSpan.Zero && due < TimeSpan.FromMilliseconds(500));

        Task again = world.Client.EnqueueMessageAsync(world.Database.ConversationId, message);
        disk.FailsToFlush = disk.FailsToCut = false;
        Assert.That(await world.Time.PassUntilAsync(withdrawing, TimeSpan.FromSeconds(1)), Is.True);
        await again.InTime();

        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(1));
        await world.ConnectAsync();
        Assert.That((await world.FirstResultAsync()).Outcome, Is.EqualTo(SendOutcome.Stored));
    }

    [Test]
    public async Task Enqueueing_that_waits_for_a_withdrawal_ends_with_its_token()
    {
        var outbox = new SlowOutbox();
        await using var world = new World(options => options.Outbox = outbox);
        var message = new OutgoingMessage("hello");
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        Task removing = outbox.HoldAsync(nameof(IOutbox.RemoveAsync));
        Task<bool> withdrawing = world.Client.WithdrawMessageAsync(message.Id);
        await removing.InTime();
        using var giving = new CancellationTokenSource();
        Task cancelled = world.Client.EnqueueMessageAsync(world.Database.ConversationId, message, giving.Token);
        Task again = world.Client.EnqueueMessageAsync(world.Database.ConversationId, message);

        await giving.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => cancelled.InTime());
        Assert.That(again.IsCompleted, Is.False);
        outbox.Release();

        Assert.That(await withdrawing.InTime(), Is.True);
        await again.InTime();
        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(1));
    }
}
