using Campfire.Realtime.Connection;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Channels;

// Each state of a channel and what each event makes of it. Cases read (state, event, next).
public sealed class ChannelTransitionTests
{
    private const string Withdrawn = "You no longer have permission to read from this Channel topic: x";

    public enum Outcome
    {
        JoinsAtOnce,
        JoinsBriefly,
        JoinsWhenThereIsRoom,
        Denied,
        Withdrawn,
    }

    private static IEnumerable<TestCaseData> Answers()
    {
        (string Reason, Outcome First, Outcome Later)[] table =
        [
            ("InvalidJWTToken: Token has expired 3 seconds ago", Outcome.JoinsAtOnce, Outcome.JoinsAtOnce),
            ("Unauthorized: You do not have permissions to read from this Channel topic: x", Outcome.Denied, Outcome.Withdrawn),
            ("PrivateOnly: This project only allows private channels", Outcome.Denied, Outcome.Withdrawn),
            ("ChannelRateLimitReached: Too many channels", Outcome.JoinsWhenThereIsRoom, Outcome.JoinsWhenThereIsRoom),
            ("RealtimeRestarting: Realtime is restarting, please standby", Outcome.JoinsBriefly, Outcome.JoinsBriefly),
            ("words of a later version", Outcome.JoinsBriefly, Outcome.JoinsBriefly),
        ];
        foreach ((string reason, Outcome first, Outcome later) in table)
        {
            yield return Case(ChannelState.Joining, reason, first);
            yield return Case(ChannelState.Rejoining, reason, later);
        }
    }

    private static IEnumerable<TestCaseData> Closes()
    {
        (string? Words, Outcome Next)[] table =
        [
            (null, Outcome.JoinsBriefly),
            ("words of a later version", Outcome.JoinsBriefly),
            ("Track message size exceeded", Outcome.JoinsBriefly),
            ("Token has expired 1 seconds ago", Outcome.JoinsAtOnce),
            ("Too many messages per second", Outcome.JoinsWhenThereIsRoom),
            (Withdrawn, Outcome.Withdrawn),
        ];
        return table.Select(row => new TestCaseData(row.Words, row.Next).SetArgDisplayNames(nameof(ChannelState.Joined), row.Words ?? "no word", $"{row.Next}"));
    }

    [TestCaseSource(nameof(Answers))]
    public async Task Error_reply(ChannelState from, string reason, Outcome next)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);
        stage.World.Time.ForgetArmed();

        stage.Refuse(reason);

        await BecomesAsync(stage, next, reason);
    }

    [Test]
    public async Task Ok_reply_is_joined([Values(ChannelState.Joining, ChannelState.Rejoining)] ChannelState from)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);

        stage.Accept();

        await (stage.Channel is null ? stage.Joining.InTime() : Task.CompletedTask);
        stage.Socket.Receive("{}");
        await LiveAgainAsync(stage);
    }

    [TestCase(ChannelState.Joining)]
    [TestCase(ChannelState.Rejoining)]
    public async Task No_reply_is_left_and_a_late_one_does_not_count(ChannelState from)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);
        SentFrame late = stage.Join;
        await stage.World.Time.ArmedAsync(CampfireClientOptions.DefaultReplyTimeout);
        stage.World.Time.ForgetArmed();

        stage.World.Time.Advance(CampfireClientOptions.DefaultReplyTimeout);

        Assert.That((await stage.Socket.SentAsync("phx_leave")).JoinRef, Is.EqualTo(late.JoinRef));
        stage.Socket.Reply(late, """{"status":"ok","response":{"postgres_changes":[]}}""");
        Assert.That(await stage.PassDelayAsync(), Is.LessThanOrEqualTo(TimeSpan.FromSeconds(1)));
        await stage.NextJoinAsync();
        Assert.That((stage.Joining.IsCompleted && !stage.Channel!.IsLive) || stage.Channel is null, Is.True);
        stage.Accept();
        await LiveAgainAsync(stage);
    }

    [TestCaseSource(nameof(Closes))]
    public async Task Close(string? words, Outcome next)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(ChannelState.Joined);
        stage.World.Server.AnswersJoins = false;
        stage.World.Time.ForgetArmed();

        stage.Close(words);

        await BecomesAsync(stage, next, words);
    }

    [TestCase("phx_error", """{"reason":"channel_crash"}""", null)]
    [TestCase("phx_error", "{}", null)]
    [TestCase("phx_reply", """{"status":"error","response":{"reason":"unmatched topic"}}""", "4711")]
    public async Task Joined_crash_JoinsBriefly(string phoenixEvent, string payload, string? reference)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(ChannelState.Joined);
        stage.World.Server.AnswersJoins = false;
        stage.World.Time.ForgetArmed();

        stage.Socket.Push(reference is null ? stage.Join.JoinRef : null, stage.Join.Topic, phoenixEvent, payload, reference ?? stage.Join.JoinRef);

        await BecomesAsync(stage, Outcome.JoinsBriefly, null);
    }

    // Words that are not about this membership must not be taken for the reason of its end.
    [TestCase("999", "system", "error", Description = "of another membership")]
    [TestCase(null, "postgres_changes", "error", Description = "of another extension")]
    [TestCase(null, "system", "ok", Description = "no error")]
    public async Task Joined_words_of_something_else_and_a_close_JoinsBriefly(string? joinRef, string extension, string status)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(ChannelState.Joined);
        stage.World.Server.AnswersJoins = false;
        stage.World.Time.ForgetArmed();

        stage.Socket.Push(
            joinRef ?? stage.Join.JoinRef, stage.Join.Topic, "system", $$"""{"extension":"{{extension}}","status":"{{status}}","message":"{{Withdrawn}}"}""");
        stage.Close();

        await BecomesAsync(stage, Outcome.JoinsBriefly, null);
    }

    [Test]
    public async Task Joined_words_of_the_membership_before_and_a_close_JoinsBriefly()
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(ChannelState.Joined);
        stage.World.Server.AnswersJoins = false;
        stage.Close("Token has expired 1 seconds ago");
        await stage.NextJoinAsync();
        stage.Accept();
        await LiveAgainAsync(stage);
        stage.World.Time.ForgetArmed();

        stage.Close();

        await BecomesAsync(stage, Outcome.JoinsBriefly, null);
    }

    [TestCase(ChannelState.Joining)]
    [TestCase(ChannelState.Joined)]
    [TestCase(ChannelState.Interrupted)]
    [TestCase(ChannelState.Rejoining)]
    public async Task Frames_of_another_membership_change_nothing(ChannelState from)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);
        SentFrame stale = stage.Join with { JoinRef = "999" };

        stage.Socket.SystemError(stale, Withdrawn);
        stage.Socket.CloseChannel(stale);
        stage.Socket.Push(stale.JoinRef, stale.Topic, "phx_error", "{}", stale.JoinRef);
        stage.Socket.Push(stale.JoinRef, stale.Topic, "broadcast", """{"type":"broadcast","event":"stale:event","payload":{}}""");
        if (from is not ChannelState.Joined)
            stage.Socket.Push(null, stale.Topic, "phx_reply", """{"status":"error","response":{"reason":"unmatched topic"}}""", "4711");

        if (from is ChannelState.Interrupted)
        {
            stage.World.Time.Advance(stage.Delay + TimeSpan.FromMilliseconds(1));
            await stage.NextJoinAsync();
        }

        if (from is not ChannelState.Joined)
            stage.Accept();
        await LiveAgainAsync(stage);
        Assert.That(await stage.FramesUntilAnotherJoinAsync(), Is.Empty, "the channel is not joined again");
    }

    [TestCase(ChannelState.Ended)]
    [TestCase(ChannelState.Left)]
    public async Task Frames_after_the_end_change_nothing(ChannelState from)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);
        stage.Socket.TakeSent();

        stage.Socket.Broadcast(stage.Join.Topic, "some:event", "{}");
        stage.Close("Too many messages per second");
        stage.Socket.Push(stage.Join.JoinRef, stage.Join.Topic, "phx_error", "{}");

        Assert.That(await stage.FramesUntilAnotherJoinAsync(), Is.Empty);
        Assert.That((stage.Channel!.IsLive, stage.Budget.IsTight), Is.EqualTo((false, false)));
    }

    [TestCase(ChannelState.WaitingForLink)]
    [TestCase(ChannelState.Joining)]
    [TestCase(ChannelState.Joined)]
    [TestCase(ChannelState.Interrupted)]
    [TestCase(ChannelState.Rejoining)]
    public async Task Loss_of_the_link_is_followed_by_a_join_on_the_next(ChannelState from)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);
        stage.World.Server.AnswersJoins = false;

        if (from is not ChannelState.WaitingForLink)
            stage.Socket.Break();
        await stage.ReconnectAsync();
        if (from is ChannelState.Interrupted)
            stage.World.Time.Advance(stage.Delay);

        await stage.NextJoinAsync();
        stage.Accept();
        await LiveAgainAsync(stage);
    }

    [TestCase(ChannelState.Ended)]
    [TestCase(ChannelState.Left)]
    public async Task Loss_of_the_link_after_the_end_changes_nothing(ChannelState from)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);

        stage.Socket.Break();
        await stage.ReconnectAsync();

        Assert.That(await stage.FramesUntilAnotherJoinAsync(), Is.Empty);
    }

    [TestCase(ChannelState.WaitingForLink)]
    [TestCase(ChannelState.Joined)]
    [TestCase(ChannelState.Interrupted)]
    [TestCase(ChannelState.Rejoining)]
    public async Task Connection_refused_for_good_ends_the_channel_with_the_reason(ChannelState from)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);
        stage.World.Server.OnConnect = _ => new SocketRefusedException(401, "the key was withdrawn", null);

        if (from is not ChannelState.WaitingForLink)
            stage.Socket.Break();
        await stage.World.RetryAsync();
        if (from is ChannelState.Interrupted)
            stage.World.Time.Advance(stage.Delay);

        CampfireException? end = Assert.ThrowsAsync<CampfireException>(() => Waiter(stage).InTime());
        Assert.That((end!.Code, end.ServerReason), Is.EqualTo((CampfireErrorCode.InvalidApiKey, "the key was withdrawn")));
    }

    [TestCase(ChannelState.WaitingForLink, false)]
    [TestCase(ChannelState.Joining, true)]
    [TestCase(ChannelState.Joined, true)]
    [TestCase(ChannelState.Interrupted, false)]
    [TestCase(ChannelState.Rejoining, true)]
    [TestCase(ChannelState.Ended, false)]
    [TestCase(ChannelState.Left, false)]
    public async Task Dispose_of_the_channel_says_goodbye_where_the_server_knows_it(ChannelState from, bool isTold)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);
        stage.Socket.TakeSent();

        await stage.LeaveAsync();

        if (from is ChannelState.WaitingForLink)
            await stage.ReconnectAsync();
        IReadOnlyList<SentFrame> frames = await stage.FramesUntilAnotherJoinAsync();
        Assert.That(frames.Select(frame => (frame.Event, frame.JoinRef)), Is.EqualTo(isTold ? [("phx_leave", stage.Join.JoinRef)] : Array.Empty<(string, string?)>()));
        if (stage.Reading is not null && from is not ChannelState.Ended)
            Assert.That(await stage.Reading.InTime(), Is.False);
        await using BroadcastChannel again = await stage.World.Client.JoinChannelAsync(stage.Name).InTime();
    }

    [Test]
    public async Task Dispose_of_the_client_ends_every_wait([Values] ChannelState from)
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(from);
        stage.Socket.TakeSent();

        await stage.World.Client.DisposeAsync().InTime();

        if (stage.Channel is null)
            Assert.ThrowsAsync<ObjectDisposedException>(() => stage.Joining.InTime());
        else if (from is not ChannelState.Ended)
            Assert.That(await stage.Reading.InTime(), Is.False);
        await stage.Socket.Disposed.InTime();
        int goodbyes = stage.Socket.TakeSent().Count(frame => frame.Event == "phx_leave");
        Assert.That(goodbyes, from switch
        {
            ChannelState.Joined => Is.EqualTo(1),

            // Nobody waits for the goodbye to a join that was not answered, and the socket closes behind it.
            ChannelState.Joining or ChannelState.Rejoining => Is.LessThanOrEqualTo(1),
            _ => Is.Zero,
        });
    }

    private static TestCaseData Case(ChannelState from, string happens, Outcome next) =>
        new TestCaseData(from, happens, next).SetArgDisplayNames($"{from}", happens, $"{next}");

    private static Task Waiter(ChannelStage stage) => stage.Channel is null ? stage.Joining : stage.Reading;

    private static async Task LiveAgainAsync(ChannelStage stage)
    {
        await stage.Joining.InTime();
        await stage.BeLiveAsync();
    }

    private static async Task BecomesAsync(ChannelStage stage, Outcome next, string? words)
    {
        switch (next)
        {
            case Outcome.Denied or Outcome.Withdrawn:
                CampfireException? end = Assert.ThrowsAsync<CampfireException>(() => Waiter(stage).InTime());
                Assert.That((end!.Code, end.ServerReason), Is.EqualTo((next is Outcome.Denied ? CampfireErrorCode.AccessDenied : CampfireErrorCode.AccessWithdrawn, words)));
                Assert.That(await stage.FramesUntilAnotherJoinAsync(), Is.Empty, "the channel is not joined again");
                break;
            case Outcome.JoinsBriefly:
                Assert.That(await stage.PassDelayAsync(), Is.LessThanOrEqualTo(TimeSpan.FromSeconds(1)));
                goto default;
            case Outcome.JoinsWhenThereIsRoom:
                Assert.That((await stage.PassDelayAsync()).TotalSeconds, Is.InRange(5, 60));
                goto default;
            default:
                await stage.NextJoinAsync();
                Assert.That(stage.Budget.IsTight, Is.EqualTo(next is Outcome.JoinsWhenThereIsRoom), "typing gives way after a limit, and only then");
                stage.Accept();
                await LiveAgainAsync(stage);
                break;
        }
    }
}
