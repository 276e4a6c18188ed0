using System.Net;
using System.Net.Sockets;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;
using Campfire.Realtime.Tokens;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Channels;

// What the client does when the application's AccessToken callback fails, hangs or is slow.
public sealed class TokenTroubleTests
{
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    [Test]
    public async Task Channel_outlives_a_failed_refresh_for_as_long_as_its_token_is_valid()
    {
        int failures = 0;
        DateTimeOffset end = DateTimeOffset.MaxValue;
        World? made = null;
        bool isFailing = false;
        await using World world = made = new World(options => options.AccessToken = _ =>
        {
            if (Volatile.Read(ref isFailing) && Interlocked.Increment(ref failures) < 4)
                throw new InvalidOperationException("the session store is being updated");
            end = made!.Time.GetUtcNow() + Life;
            return ValueTask.FromResult(World.Token(end));
        });
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        DateTimeOffset firstEnd = end;
        Volatile.Write(ref isFailing, true);

        Task<SentFrame> refresh = socket.SentAsync("access_token");
        await world.Time.PassAsync(Life - AccessTokenSource.ExpiryMargin);
        await world.Time.PassUntilAsync(refresh, TimeSpan.FromMilliseconds(20));

        Assert.Multiple(() =>
        {
            Assert.That(failures, Is.EqualTo(4));
            Assert.That(conversation.IsLive, Is.True);
            Assert.That(end - Life, Is.LessThan(firstEnd), "it was asked again before the token ended");
        });
    }

    [Test]
    public async Task Channel_whose_token_ends_without_another_one_ends_at_that_moment_and_is_left()
    {
        World? made = null;
        bool isFailing = false;
        await using World world = made = new World(options => options.AccessToken = _ => Volatile.Read(ref isFailing)
            ? throw new InvalidOperationException("signed out")
            : ValueTask.FromResult(World.Token(made!.Time.GetUtcNow() + Life)));
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        DateTimeOffset joined = world.Time.GetUtcNow();
        Volatile.Write(ref isFailing, true);
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Task<bool> reading = events.MoveNextAsync().AsTask();

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(reading, TimeSpan.FromSeconds(1)));
        TimeSpan lasted = world.Time.GetUtcNow() - joined;
        SentFrame leave = await socket.SentAsync("phx_leave");

        Assert.Multiple(() =>
        {
            Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.InvalidToken));
            Assert.That(e.InnerException, Is.InstanceOf<InvalidOperationException>());
            Assert.That(lasted, Is.GreaterThanOrEqualTo(Life - TimeSpan.FromSeconds(2)));
            Assert.That(leave.JoinRef, Is.EqualTo(join.JoinRef));
        });
    }

    private static readonly object[] CausesThatPass =
    [
        new InvalidOperationException("no token", new SocketException((int)SocketError.ConnectionReset)),
        new InvalidOperationException("no token", new HttpRequestException("away")),
        new InvalidOperationException("no token", new HttpRequestException("away", null, HttpStatusCode.BadGateway)),
        new InvalidOperationException("no token", new AggregateException(new IOException("broken"))),
        new InvalidOperationException("no token", new TimeoutException()),
        new SocketException((int)SocketError.HostNotFound),
    ];

    [TestCaseSource(nameof(CausesThatPass))]
    public async Task Callback_that_fails_for_a_cause_that_passes_is_asked_again(Exception failure)
    {
        int asked = 0;
        await using var world = new World(options => options.AccessToken = _ =>
            Interlocked.Increment(ref asked) == 1 ? throw failure : ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue)));
        await world.ConnectAsync();

        Task<BroadcastChannel> joining = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()));

        await world.Time.PassUntilAsync(joining, TimeSpan.FromMilliseconds(100));
    }

    private static readonly object[] CausesThatStay =
    [
        new InvalidOperationException("no token", new HttpRequestException("no", new IOException("over"), HttpStatusCode.Unauthorized)),
        new InvalidOperationException("no token", new FormatException()),
    ];

    [TestCaseSource(nameof(CausesThatStay))]
    public async Task Callback_that_fails_for_a_cause_that_stays_ends_the_join(Exception failure)
    {
        await using var world = new World(options => options.AccessToken = _ => throw failure);
        await world.ConnectAsync();

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())).InTime());

        Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.InvalidToken));
    }

    [Test]
    public async Task Callback_that_never_returns_is_told_in_the_log_and_what_waits_for_it_goes_on_when_it_does()
    {
        var answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var log = new KeptLog(LogLevel.Warning);
        await using var world = new World(options =>
        {
            options.AccessToken = _ => new ValueTask<string>(answer.Task);
            options.LoggerFactory = log;
        });
        await world.ConnectAsync();

        Task<BroadcastChannel> joining = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()));
        Assert.That(await world.Time.PassUntilAsync(log.LoggedAsync(1201), TimeSpan.FromSeconds(1)), Does.Contain("AccessToken").And.Contain("10 s"));
        Assert.That(joining.IsCompleted, Is.False);
        answer.SetResult(World.Token(DateTimeOffset.MaxValue));

        await world.Time.PassUntilAsync(joining, TimeSpan.FromMilliseconds(100));
    }

    [Test]
    public async Task Message_that_waits_for_a_callback_that_never_returns_fails_within_the_time_for_sending()
    {
        bool isHanging = false;
        await using var world = new World(options => options.AccessToken = _ => Volatile.Read(ref isHanging)
            ? new ValueTask<string>(new TaskCompletionSource<string>().Task)
            : ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue)));
        (_, Conversation conversation, _) = await world.JoinedAsync();
        Volatile.Write(ref isHanging, true);

        Task sending = conversation.SendMessageAsync(new OutgoingMessage("hello"));

        Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(sending, TimeSpan.FromSeconds(1)));
    }

    [Test]
    public async Task Callback_that_heeds_its_token_is_ended_after_the_request_timeout_and_asked_again()
    {
        int asked = 0;
        await using var world = new World(options => options.AccessToken = async cancellationToken =>
        {
            if (Interlocked.Increment(ref asked) == 1)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            return World.Token(DateTimeOffset.MaxValue);
        });
        await world.ConnectAsync();

        Task<BroadcastChannel> joining = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()));

        await world.Time.PassUntilAsync(joining, TimeSpan.FromMilliseconds(500));
        Assert.That(asked, Is.GreaterThan(1));
    }

    [Test]
    public async Task Callback_whose_askers_are_all_gone_is_ended()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var world = new World(options => options.AccessToken = async cancellationToken =>
        {
            entered.TrySetResult();
            await using CancellationTokenRegistration registration = cancellationToken.Register(ended.SetResult);
            await ended.Task;
            cancellationToken.ThrowIfCancellationRequested();
            return "";
        });
        await world.ConnectAsync();
        using var cancelled = new CancellationTokenSource();
        Task joining = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()), cancelled.Token);
        await entered.Task.InTime();

        await cancelled.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => joining.InTime());
        await ended.Task.InTime();
    }
}
