using System.Diagnostics;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Outbox;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace Campfire.Realtime.Delivery;

/// <summary>Sends the messages of one joined conversation, each behind what was sent or enqueued before, and again after transient failures.</summary>
internal sealed partial class MessageSender : IAsyncDisposable
{
    private readonly Guid _conversationId;
    private readonly SendingServices _services;
    private readonly CampfireClientOptions _options;
    private readonly ILogger _logger;
    private readonly Action<long> _announce;
    private readonly CancellationTokenSource _leaving = new();
    private readonly ResiliencePipeline _pipeline;

    public MessageSender(Guid conversationId, SendingServices services, CampfireClientOptions options, Backoff backoff, ILogger logger, Action<long> announce)
    {
        _conversationId = conversationId;
        _services = services;
        _options = options;
        _logger = logger;
        _announce = announce;
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = options.TimeProvider }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = int.MaxValue,
                ShouldHandle = arguments => ValueTask.FromResult(arguments.Outcome.Exception is CampfireException { IsTransient: true }),
                DelayGenerator = arguments => ValueTask.FromResult<TimeSpan?>(backoff.Next(arguments.AttemptNumber + 1)),
                OnRetry = arguments =>
                {
                    LogRetry(_conversationId, ((CampfireException)arguments.Outcome.Exception!).Code, arguments.AttemptNumber + 1);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
        _services.Outbox?.Stored.Add(conversationId, announce);
    }

    public async Task<SentMessage> SendAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        using Activity? activity = Instruments.StartSend();
        long began = _options.TimeProvider.GetTimestamp();
        try
        {
            SentMessage sent = await SendInTurnAsync(message, cancellationToken).ConfigureAwait(false);
            Instruments.SendEnded(activity, _options.TimeProvider.GetElapsedTime(began), null);
            return sent;
        }
        catch (CampfireException e)
        {
            Instruments.SendEnded(activity, _options.TimeProvider.GetElapsedTime(began), e.Code);
            throw;
        }
    }

    private async Task<SentMessage> SendInTurnAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(_options.SendTimeout, _options.TimeProvider);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(_leaving.Token, cancellationToken, deadline.Token);
        CampfireException? last = null;
        bool isTried = false;
        try
        {
            using ConversationOrder.Turn turn = await TakeTurnAsync(any.Token).ConfigureAwait(false);
            await turn.WaitAsync(any.Token).ConfigureAwait(false);
            SentMessage sent = await _pipeline.ExecuteAsync(
                async token =>
                {
                    isTried = true;
                    try
                    {
                        return await _services.Store.StoreAsync(_conversationId, message, token).ConfigureAwait(false);
                    }
                    catch (CampfireException e)
                    {
                        last = e;
                        throw;
                    }
                },
                any.Token).ConfigureAwait(false);
            _announce(sent.Sequence);
            return sent;
        }
        catch (CampfireException e) when (e.Code is CampfireErrorCode.ProtocolViolation)
        {
            throw new CampfireException(
                CampfireErrorCode.OutcomeUnknown,
                $"The message {message.Id} may have been stored, but the answer says neither that nor why not; sending it again with the same Id is safe. {e.Message}",
                e.ServerReason,
                e);
        }
        catch (Exception e) when (IsCut(e) && cancellationToken.IsCancellationRequested)
        {
            // A cancelled retry may end with its last failure instead, and all else with a token of ours.
            string what = isTried ? "whether the message was stored is unknown" : "the message was not sent";
            throw new OperationCanceledException($"The sending was cancelled; {what}.", e, cancellationToken);
        }
        catch (Exception e) when (IsCut(e) && _leaving.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(Conversation), $"The conversation was left while message {message.Id} was on its way; sending it again with the same Id is safe.");
        }
        catch (Exception e) when (IsCut(e))
        {
            string what = isTried ? "got no answer" : "waited behind earlier ones of its conversation and did not get its turn";
            string why = last is null ? "" : $" The last failure: {last.Message}";
            throw new CampfireException(
                CampfireErrorCode.OutcomeUnknown,
                $"The message {message.Id} {what} within {_options.SendTimeout.TotalSeconds:0.#} s; sending it again with the same Id is safe.{why}",
                last?.ServerReason,
                last ?? e);
        }
    }

    /// <summary>Gives up what is on its way. What is in the outbox goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        _services.Outbox?.Stored.Remove(_conversationId, _announce);

        // Not disposed: a send that has just begun links itself to it, and without a timer there is nothing to free.
        await _leaving.CancelAsync().ConfigureAwait(false);
    }

    private static bool IsCut(Exception e) => e is OperationCanceledException or CampfireException { IsTransient: true };

    /// <remarks>Without an outbox it is taken within the call, which keeps the order of the calls; the outbox keeps it by itself.</remarks>
    private ValueTask<ConversationOrder.Turn> TakeTurnAsync(CancellationToken cancellationToken)
    {
        if (_services.Outbox is { } outbox)
            return outbox.TakeTurnAsync(_conversationId, cancellationToken);

        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(_services.Order.Take(_conversationId));
    }

    [LoggerMessage(1420, LogLevel.Warning, "Storing a message in {ConversationId} failed ({Code}), attempt {Attempt}")]
    private partial void LogRetry(Guid conversationId, CampfireErrorCode code, int attempt);
}
