using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Rest;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Campfire.Realtime.Delivery;

/// <summary>Stores the messages of one conversation, one after the other, again after transient failures: the identifier makes that safe.</summary>
internal sealed partial class MessageSender : IAsyncDisposable
{
    private readonly Guid _conversationId;
    private readonly RpcClient _rpc;
    private readonly CampfireClientOptions _options;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _order = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ResiliencePipeline _pipeline;

    public MessageSender(Guid conversationId, RpcClient rpc, CampfireClientOptions options, Backoff backoff, ILogger logger)
    {
        _conversationId = conversationId;
        _rpc = rpc;
        _options = options;
        _logger = logger;
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = options.TimeProvider }
            .AddTimeout(options.SendTimeout)
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
    }

    public async Task<SentMessage> SendAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        var arguments = new SendMessageArguments(
            _conversationId, message.Id, message.Content, message.Attachments.Count > 0 ? message.Attachments : null, message.Metadata);

        using var either = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, cancellationToken);
        try
        {
            // Waiters are released in the order of their arrival, which keeps the order of the calls.
            await _order.WaitAsync(either.Token).ConfigureAwait(false);
            try
            {
                return await SendInTurnAsync(message, arguments, either.Token).ConfigureAwait(false);
            }
            finally
            {
                _order.Release();
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(Conversation), $"The conversation was left while message {message.Id} was on its way; sending it again with the same Id is safe.");
        }
    }

    /// <summary>Gives up what is on its way.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _order.WaitAsync().ConfigureAwait(false);
        _order.Dispose();
        _stopping.Dispose();
    }

    private async Task<SentMessage> SendInTurnAsync(OutgoingMessage message, SendMessageArguments arguments, CancellationToken cancellationToken)
    {
        CampfireException? last = null;
        try
        {
            return await _pipeline.ExecuteAsync(
                async token =>
                {
                    try
                    {
                        MessageCreated stored = await _rpc.CallAsync(
                            "campfire_send_message", arguments, RpcJsonContext.Default.SendMessageArguments, RpcJsonContext.Default.MessageCreated, token).ConfigureAwait(false);
                        return new SentMessage(stored.Id, stored.Sequence, stored.CreatedAt);
                    }
                    catch (CampfireException e)
                    {
                        last = e;
                        throw;
                    }
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutRejectedException e)
        {
            string why = last is null ? "" : $" The last failure: {last.Message}";
            throw new CampfireException(
                CampfireErrorCode.OutcomeUnknown,
                $"The message {message.Id} got no answer within {_options.SendTimeout.TotalSeconds:0.#} s; sending it again with the same Id is safe.{why}",
                last?.ServerReason,
                last ?? (Exception)e);
        }
    }

    [LoggerMessage(1420, LogLevel.Warning, "Storing a message in {ConversationId} failed ({Code}), attempt {Attempt}")]
    private partial void LogRetry(Guid conversationId, CampfireErrorCode code, int attempt);
}
