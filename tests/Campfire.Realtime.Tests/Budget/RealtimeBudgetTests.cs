using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Budget;

public sealed class RealtimeBudgetTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    [TestCase(RealtimePlan.Free, 100)]
    [TestCase(RealtimePlan.Pro, 500)]
    [TestCase(RealtimePlan.Team, 2_500)]
    public void Plan_sets_the_messages_and_the_rest_has_defaults(RealtimePlan plan, int messages)
    {
        var budget = new RealtimeBudget(plan);

        Assert.That((budget.MessagesPerSecond, budget.JoinsPerSecond, budget.PresenceCallsPerChannel), Is.EqualTo((messages, 20, 5)));
    }

    [Test]
    public void Wrong_values_are_named()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => new RealtimeBudget((RealtimePlan)9), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contain("plan"));
            Assert.That(() => new RealtimeBudget { JoinsPerSecond = 0 }, Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contain("JoinsPerSecond is at least 1"));
            Assert.That(() => new RealtimeBudget { MessagesPerSecond = -1 }, Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contain("MessagesPerSecond"));
            Assert.That(() => new RealtimeBudget { PresenceCallsPerChannel = 0 }, Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contain("PresenceCallsPerChannel"));
        });
    }

    [Test]
    public async Task Joins_go_out_one_by_one_at_the_pace_also_over_several_clients()
    {
        var time = new ManualTime();
        var budget = new RealtimeBudget(timeProvider: time);
        await using var first = new World(options => (options.Budget, options.TimeProvider) = (budget, time));
        await using var second = new World(options => (options.Budget, options.TimeProvider) = (budget, time));
        await first.ConnectAsync();
        await second.ConnectAsync();

        await using BroadcastChannel immediate = await first.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())).InTime();
        Task<BroadcastChannel> paced = second.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()));

        await time.ArmedAsync(Interval);
        time.Advance(Interval - TimeSpan.FromMilliseconds(1));
        Assert.That(paced.IsCompleted, Is.False);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await using BroadcastChannel joined = await paced.InTime();
    }

    [Test]
    public async Task Join_that_is_given_up_does_not_use_its_turn()
    {
        var time = new ManualTime();
        var budget = new RealtimeBudget(timeProvider: time);
        await using var world = new World(options => (options.Budget, options.TimeProvider) = (budget, time));
        await world.ConnectAsync();
        await using BroadcastChannel first = await world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())).InTime();
        using var giveUp = new CancellationTokenSource();
        Task given = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()), giveUp.Token);
        await time.ArmedAsync(Interval);

        await giveUp.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => given.InTime());
        Task<BroadcastChannel> next = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()));
        await time.PassAsync(Interval);

        await using BroadcastChannel joined = await next.InTime();
    }

    [Test]
    public async Task Rejoins_after_a_reconnect_are_spread_before_they_are_paced()
    {
        await using var world = new World(options => options.Budget = new RealtimeBudget(timeProvider: options.TimeProvider));
        ScriptedSocket socket = await world.ConnectAsync();
        await using BroadcastChannel channel = await world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())).InTime();

        socket.Break();
        await world.RetryAsync();
        ScriptedSocket next = await world.Server.NextSocketAsync();
        TimeSpan spread = await world.Time.ArmedAsync(due => due <= TimeSpan.FromMilliseconds(250));

        Assert.That(next.TakeSent().Select(frame => frame.Event), Has.None.EqualTo("phx_join"));
        world.Time.Advance(spread + TimeSpan.FromMilliseconds(1));
        await next.SentAsync("phx_join");
    }

    [Test]
    public void Mean_of_the_last_minute_decides_whether_typing_gives_way()
    {
        var time = new ManualTime();
        var budget = new RealtimeBudget(timeProvider: time);

        Count(budget, 250);
        Assert.That(budget.IsTight, Is.False, "50 per second is half of what the plan allows");
        Count(budget, 1);
        Assert.That(budget.IsTight, Is.True);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.That(budget.IsTight, Is.False, "the mean of ten seconds");

        Count(budget, 6_000);
        time.Advance(TimeSpan.FromSeconds(50));
        Assert.That(budget.IsTight, Is.True, "the burst is within the last minute");
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.That(budget.IsTight, Is.False, "the burst has left the last minute");
        time.Advance(TimeSpan.FromHours(3));
        Count(budget, 3_001);
        Assert.That(budget.IsTight, Is.True, "3,001 in a minute of which most was silent is still above 50 per second");
    }

    [Test]
    public void Complaint_of_the_server_counts_for_a_minute()
    {
        var time = new ManualTime();
        var budget = new RealtimeBudget(timeProvider: time);

        budget.OnOverLimit();

        Assert.That(budget.IsTight, Is.True);
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.That(budget.IsTight, Is.True);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(budget.IsTight, Is.False);
    }

    [Test]
    public async Task Joins_that_wait_on_a_dead_link_use_no_turn()
    {
        await using var world = new World(options => options.Budget = new RealtimeBudget(timeProvider: options.TimeProvider) { JoinsPerSecond = 1 });
        ScriptedSocket socket = await world.ConnectAsync();
        world.Server.AnswersJoins = false;
        Task<BroadcastChannel>[] joins = [.. Enumerable.Range(0, 10).Select(_ => world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())))];
        await socket.SentAsync("phx_join");
        world.Server.AnswersJoins = true;

        socket.Break();
        await world.Time.PassUntilAsync(world.Server.NextSocketAsync(), TimeSpan.FromMilliseconds(50));
        DateTimeOffset back = world.Time.GetUtcNow();
        await world.Time.PassUntilAsync(Task.WhenAll(joins), TimeSpan.FromMilliseconds(50));

        // Ten turns of a second, and the steps of the test's clock.
        Assert.That(world.Time.GetUtcNow() - back, Is.LessThan(TimeSpan.FromSeconds(13)));
    }


    private static void Count(RealtimeBudget budget, int messages)
    {
        for (int i = 0; i < messages; i++)
            budget.Count();
    }
}
