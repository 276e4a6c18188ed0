using System.Collections.Concurrent;
using Campfire.Realtime.Tests.Support;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime.Tests.Tokens;

public sealed class AccessTokenSourceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ManualTime _time = new();
    private readonly ConcurrentQueue<TaskCompletionSource<string>> _answers = new();
    private int _entered;
    private TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [SetUp]
    public void Begin()
    {
        _answers.Clear();
        _entered = 0;
    }

    [Test]
    public async Task Questions_that_wait_for_their_turn_share_one_answer_and_never_one_that_was_begun_before_them()
    {
        AccessTokenSource source = NewSource();
        Task<AccessToken> first = source.AskAsync(CancellationToken.None).AsTask();
        TaskCompletionSource<string> firstAnswer = await EnteredAsync();
        List<Task<AccessToken>> others = [.. Enumerable.Range(0, 99).Select(_ => source.AskAsync(CancellationToken.None).AsTask())];

        firstAnswer.SetResult("first");
        (await EnteredAsync()).SetResult("second");

        Assert.That((await first.InTime()).Value, Is.EqualTo("first"));
        Assert.That((await Task.WhenAll(others).InTime()).Select(token => token.Value), Has.All.EqualTo("second"));
        Assert.That(_entered, Is.EqualTo(2));
    }

    [Test]
    public async Task Token_that_was_refused_is_served_neither_to_who_asks_after_the_refusal_nor_remembered()
    {
        AccessTokenSource source = NewSource();
        Task<AccessToken> before = source.AskAsync(CancellationToken.None).AsTask();
        TaskCompletionSource<string> refused = await EnteredAsync();

        source.Forget();
        Task<AccessToken> after = source.AskAsync(CancellationToken.None).AsTask();
        refused.SetResult("refused");
        await before.InTime();
        TaskCompletionSource<string> fresh = await EnteredAsync();
        Assert.That(source.Current, Is.Null, "what was in the making at the refusal may be what was refused");
        fresh.SetResult("fresh");

        Assert.That((await after.InTime()).Value, Is.EqualTo("fresh"));
        Assert.That(source.Current!.Value, Is.EqualTo("fresh"));
    }

    [Test]
    public async Task Asker_who_gives_up_takes_the_answer_from_nobody()
    {
        AccessTokenSource source = NewSource();
        using var cancelled = new CancellationTokenSource();
        Task<AccessToken> running = source.AskAsync(CancellationToken.None).AsTask();
        TaskCompletionSource<string> answer = await EnteredAsync();
        Task<AccessToken> leaves = source.AskAsync(cancelled.Token).AsTask();
        Task<AccessToken> stays = source.AskAsync(CancellationToken.None).AsTask();

        await cancelled.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => leaves.InTime());
        answer.SetResult("first");
        (await EnteredAsync()).SetResult("second");

        Assert.That((await running.InTime()).Value, Is.EqualTo("first"));
        Assert.That((await stays.InTime()).Value, Is.EqualTo("second"));
    }

    [Test]
    public async Task Question_that_nobody_waits_for_any_more_is_not_put()
    {
        AccessTokenSource source = NewSource();
        using var cancelled = new CancellationTokenSource();
        Task<AccessToken> running = source.AskAsync(CancellationToken.None).AsTask();
        TaskCompletionSource<string> answer = await EnteredAsync();
        Task<AccessToken> leaves = source.AskAsync(cancelled.Token).AsTask();
        await cancelled.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => leaves.InTime());

        answer.SetResult("first");
        await running.InTime();
        Task<AccessToken> next = source.AskAsync(CancellationToken.None).AsTask();
        (await EnteredAsync()).SetResult("second");

        Assert.That((await next.InTime()).Value, Is.EqualTo("second"));
        Assert.That(_entered, Is.EqualTo(2));
    }

    [Test]
    public async Task Callback_that_takes_its_time_is_waited_for_by_those_behind_it_as_well()
    {
        AccessTokenSource source = NewSource();
        Task<AccessToken> first = source.AskAsync(CancellationToken.None).AsTask();
        TaskCompletionSource<string> firstAnswer = await EnteredAsync();
        Task<AccessToken> second = source.AskAsync(CancellationToken.None).AsTask();

        _time.Advance(Patience * 0.9);
        firstAnswer.SetResult("first");
        TaskCompletionSource<string> secondAnswer = await EnteredAsync();
        _time.Advance(Patience * 0.9);
        secondAnswer.SetResult("second");

        Assert.That((await first.InTime()).Value, Is.EqualTo("first"));
        Assert.That((await second.InTime()).Value, Is.EqualTo("second"));
    }

    [Test]
    public async Task Callback_that_never_returns_is_told_to_everybody_who_asks_and_is_not_entered_again_before_it_has()
    {
        AccessTokenSource source = NewSource();
        Task<AccessToken> first = source.AskAsync(CancellationToken.None).AsTask();
        TaskCompletionSource<string> late = await EnteredAsync();
        Task<AccessToken> second = source.AskAsync(CancellationToken.None).AsTask();

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => _time.PassUntilAsync(first, TimeSpan.FromSeconds(1)));
        Assert.ThrowsAsync<CampfireException>(() => _time.PassUntilAsync(second, TimeSpan.FromSeconds(1)));
        Task<AccessToken> third = source.AskAsync(CancellationToken.None).AsTask();
        Assert.ThrowsAsync<CampfireException>(() => _time.PassUntilAsync(third, TimeSpan.FromSeconds(1)));
        Assert.That((e!.Code, e.IsTransient, _entered), Is.EqualTo((CampfireErrorCode.Timeout, true, 1)));

        late.SetResult("late");
        Task<AccessToken> answered = AskUntilAnsweredAsync(source);
        (await EnteredAsync()).SetResult("prompt");
        Assert.That((await answered.InTime()).Value, Is.EqualTo("prompt"));
    }

    // Until the late callback has given back its turn, a question is still told of it.
    private static async Task<AccessToken> AskUntilAnsweredAsync(AccessTokenSource source)
    {
        while (true)
        {
            try
            {
                return await source.AskAsync(CancellationToken.None);
            }
            catch (CampfireException e) when (e.Code is CampfireErrorCode.Timeout)
            {
                await Task.Yield();
            }
        }
    }

    private AccessTokenSource NewSource() => new(AnswerAsync, _time, Patience);

    private ValueTask<string> AnswerAsync(CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Increment(ref _entered);
        _answers.Enqueue(answer);
        Interlocked.Exchange(ref _asked, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        return new ValueTask<string>(answer.Task);
    }

    private async Task<TaskCompletionSource<string>> EnteredAsync()
    {
        while (true)
        {
            Task asked = Volatile.Read(ref _asked).Task;
            if (_answers.TryDequeue(out TaskCompletionSource<string>? answer))
                return answer;
            await asked.InTime();
        }
    }
}
