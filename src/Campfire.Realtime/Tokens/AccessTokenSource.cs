using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Campfire.Realtime.Streams;

namespace Campfire.Realtime.Tokens;

internal sealed record AccessToken(string? Value, TokenClaims Claims)
{
    public static AccessToken None { get; } = new(null, TokenClaims.None);
}

/// <summary>Asks the application for tokens, one question at a time, and remembers the last answer until shortly before it expires.</summary>
/// <param name="callback">What the application gives them by.</param>
/// <param name="time">The clock.</param>
/// <param name="patience">How long the callback may take.</param>
internal sealed class AccessTokenSource(Func<CancellationToken, ValueTask<string>>? callback, TimeProvider time, TimeSpan patience)
{
    public static readonly TimeSpan ExpiryMargin = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan ShortestUse = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan NextQuestion = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    // What a header may carry: a token with a line break would be a FormatException in the middle of a request.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    private readonly Lock _gate = new();
    private Task _lastTurn = Task.CompletedTask;
    private Question? _inLine;
    private Question? _running;
    private AccessToken? _current;

    /// <summary>The last token, when one was asked for.</summary>
    public AccessToken? Current => Volatile.Read(ref _current);

    /// <summary>The last token, or a new one when there is none or it is about to expire.</summary>
    /// <exception cref="CampfireException">The application gave none.</exception>
    public async ValueTask<AccessToken> GetAsync(CancellationToken cancellationToken)
    {
        return Volatile.Read(ref _current) is { Claims.ExpiresAt: not null } current && !IsAboutToEnd(current)
            ? current
            : await AskAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A token that the application gives now: in a call of its callback that begins after this one.</summary>
    /// <remarks>Whoever asks while the callback is busy shares its next call: a hundred rejoins are two calls.</remarks>
    /// <exception cref="CampfireException">The application gave none, or its callback did not return in time.</exception>
    public async ValueTask<AccessToken> AskAsync(CancellationToken cancellationToken)
    {
        if (callback is null)
            return AccessToken.None;

        cancellationToken.ThrowIfCancellationRequested();
        Question question;
        lock (_gate)
        {
            if (_inLine is null)
            {
                var next = new Question(patience, time);
                _lastTurn = PutAfterAsync(_lastTurn, next, callback);
                _inLine = next;
            }

            question = _inLine;
            question.Askers++;
        }

        try
        {
            // A callback that ignores its token must not hold up who asked. It keeps its turn: it is never entered twice at once.
            return await question.Answer.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                question.Askers--;
                if (question.Askers == 0 && question == _running)
                    question.GiveUp();
            }
        }
    }

    public bool IsAboutToEnd(AccessToken token) => TimeLeft(token) <= ShortestUse;

    /// <summary>How long until the token's end, null when it states none.</summary>
    public TimeSpan? TimeLeft(AccessToken token) => token.Claims.ExpiresAt - time.GetUtcNow();

    /// <summary>The last token was refused.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            // What the callback is about to return may be the same token.
            if (_running is { } running)
                running.IsRefused = true;
            Volatile.Write(ref _current, null);
        }
    }

    /// <summary>When to ask for the next token: the margin before this one's end, at half of a short life, and never in a tight loop.</summary>
    /// <returns>Between 1 s and a day, or null for a token that states no end.</returns>
    public TimeSpan? RefreshIn(AccessToken token)
    {
        if (token.Claims.ExpiresAt is not { } end)
            return null;

        TimeSpan left = end - time.GetUtcNow();
        if (left < ShortestUse)
        {
            // Over, or its clock and ours differ. The server decides; it says so by closing the channel.
            return NextQuestion;
        }

        TimeSpan wait = left > 2 * ExpiryMargin ? left - ExpiryMargin : left / 2;
        return wait < LongestWait ? wait : LongestWait;
    }

    private async Task PutAfterAsync(Task previous, Question question, Func<CancellationToken, ValueTask<string>> ask)
    {
        await previous.ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.SuppressThrowing);
        using (question)
        {
            lock (_gate)
            {
                _inLine = null;
                // Who is still there of those that were told of the time has been told, and asks again.
                if (question.Askers == 0 || question.GivenUp.IsCancellationRequested)
                    return;
                _running = question;
                question.Begin();
            }

            AccessToken? answer = null;
            Exception? error = null;
            try
            {
                answer = await CallAsync(ask, question.GivenUp).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                error = e;
            }

            lock (_gate)
            {
                _running = null;
                if (answer is not null && !question.IsRefused)
                    Volatile.Write(ref _current, answer);
            }

            question.End(answer, error);
        }
    }

    private static async Task<AccessToken> CallAsync(Func<CancellationToken, ValueTask<string>> ask, CancellationToken givenUp)
    {
        try
        {
            string? token = (await ask(givenUp).ConfigureAwait(false))?.Trim();
            if (string.IsNullOrEmpty(token) || token.AsSpan().ContainsAnyExcept(TokenCharacters))
            {
                throw new CampfireException(
                    CampfireErrorCode.InvalidToken,
                    "The AccessToken callback returned nothing that could be a token. Return the user's access token, or leave the option unset.");
            }

            return new AccessToken(token, TokenClaims.Read(token));
        }
        catch (Exception e) when (e is not CampfireException)
        {
            // The message is the application's and might quote the token or a password, so it is not repeated.
            throw IsTransient(e)
                ? new CampfireException(CampfireErrorCode.Unavailable, "The AccessToken callback could not reach its source; it is asked again.", innerException: e)
                : new CampfireException(
                    CampfireErrorCode.InvalidToken, $"The AccessToken callback failed with {e.GetType().Name}; the inner exception says why.", innerException: e);
        }
    }

    // The libraries that tokens come from wrap what the network does to them.
    private static bool IsTransient(Exception failure)
    {
        for (Exception? e = failure; e is not null; e = e.InnerException)
        {
            if (e is HttpRequestException { StatusCode: { } status })
                return status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError;
            if (e is HttpRequestException or SocketException or IOException or TimeoutException or OperationCanceledException)
                return true;
        }

        return false;
    }

    /// <summary>One call of the callback, and who waits for its answer. What is not said to be safe is used under the source's lock.</summary>
    private sealed class Question : IDisposable
    {
        private readonly TaskCompletionSource<AccessToken> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly CancellationTokenSource _patience;
        private readonly TimeSpan _limit;

        public Question(TimeSpan limit, TimeProvider time)
        {
            _limit = limit;
            _patience = new CancellationTokenSource(limit, time);
            GivenUp = _patience.Token;
            GivenUp.UnsafeRegister(static state => ((Question)state!).OnGivenUp(), this);
            _answer.Task.IsToldElsewhere();
        }

        public int Askers { get; set; }

        /// <summary>Whether a token was refused since the question was put.</summary>
        public bool IsRefused { get; set; }

        /// <summary>Cancelled when the time is over, or nobody waits any more.</summary>
        public CancellationToken GivenUp { get; }

        /// <summary>Safe.</summary>
        public Task<AccessToken> Answer => _answer.Task;

        /// <summary>The time in line does not count, unless it was too long.</summary>
        public void Begin() => _patience.CancelAfter(_limit);

        // Not on this thread, which holds the lock: what the application registered would run on it.
        public void GiveUp() => _patience.CancelAsync().IsToldElsewhere();

        public void End(AccessToken? answer, Exception? error)
        {
            if (answer is not null)
                _answer.TrySetResult(answer);
            else if (GivenUp.IsCancellationRequested)
                OnGivenUp();
            else
                _answer.TrySetException(error!);
        }

        public void Dispose() => _patience.Dispose();

        private void OnGivenUp() => _answer.TrySetException(new CampfireException(
            CampfireErrorCode.Timeout,
            $"The AccessToken callback did not return within {_limit.TotalSeconds:0.#} s; it is asked again once it has. Let it heed its cancellation token."));
    }
}
