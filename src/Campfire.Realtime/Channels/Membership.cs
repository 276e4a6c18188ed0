using System.Buffers.Text;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime.Channels;

/// <summary>One join of a channel on one link, from the push of <c>phx_join</c> to the end.</summary>
internal sealed class Membership(SocketLink link, SocketLink.PendingReply join, AccessToken token)
{
    private readonly TaskCompletionSource<Refusal> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SocketLink Link { get; } = link;

    public long JoinRef => join.Ref;

    public AccessToken Token { get; } = token;

    /// <summary>Whether the server has agreed: known before the frame behind its answer is read.</summary>
    public bool IsConfirmed => join.Task is { IsCompletedSuccessfully: true, Result.IsOk: true };

    /// <summary>The last <c>system</c> error: it says why the close that follows it happened. Used by the receive loop only.</summary>
    public string? LastError { get; set; }

    public Task<Refusal> Ended => _ended.Task;

    public void End(Refusal reason) => _ended.TrySetResult(reason);

    public bool HasJoinRef(ReadOnlySpan<byte> digits) =>
        Utf8Parser.TryParse(digits, out long value, out int consumed) && consumed == digits.Length && value == JoinRef;
}
