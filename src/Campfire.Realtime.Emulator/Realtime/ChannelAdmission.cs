using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Database;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed record JoinAttempt(
    JoinRequest Request, string SubTopic, byte[] Topic, string Token, string HeadersJson, int OtherChannels, bool IsBeyondUserLimit);

internal sealed record Admission(ChannelIdentity Identity, ReadAccess Read, IReadOnlyList<BroadcastFrames> Replayed);

// Decides whether a channel may be joined, in the order in which Realtime checks.
internal sealed partial class ChannelAdmission(
    TokenVerifier verifier, MessagePolicies policies, MessageHistory history, EmulatorLimits limits, ProjectRates rates, ILogger<ChannelAdmission> logger)
{
    private readonly ILogger _logger = logger;

    public async Task<(Admission? Admission, string? Refusal)> AdmitAsync(JoinAttempt attempt, CancellationToken cancellationToken)
    {
        if (attempt.SubTopic.Length == 0)
            return (null, JoinRefusal.NoTopicName);
        if (limits.IsPrivateOnly && !attempt.Request.IsPrivate)
            return (null, JoinRefusal.PrivateOnly);
        if (attempt.IsBeyondUserLimit)
            return (null, JoinRefusal.TooManyUsers);
        if (rates.Joins.IsExceeded)
            return (null, JoinRefusal.TooManyJoins);
        rates.Joins.Count();
        if (attempt.OtherChannels >= limits.MaxChannelsPerClient)
            return (null, JoinRefusal.TooManyChannels);

        var verification = verifier.Verify(attempt.Token);
        if (verification.Fault != TokenFault.None)
            return (null, $"{CodeOf(verification.Fault)}: {TokenFaultTexts.ForChannel(verification)}");

        return await AdmitAsync(attempt, new ChannelIdentity(verification.Token!, attempt.HeadersJson), cancellationToken).ConfigureAwait(false);
    }

    // A policy that fails, or a role that does not exist, grants nothing.
    public async Task<(ReadAccess Access, PolicyFault Fault)> ReadAccessAsync(
        ChannelIdentity identity, string subTopic, bool includesPresence, CancellationToken cancellationToken)
    {
        try
        {
            return (await policies.ReadAsync(identity, subTopic, includesPresence, cancellationToken).ConfigureAwait(false), PolicyFault.None);
        }
        catch (NpgsqlException failure)
        {
            return (default, FaultOf(failure));
        }
    }

    // Null when the policies gave no answer: that is no denial, and the next message asks them again.
    public async Task<(WriteAccess? Access, PolicyFault Fault)> WriteAccessAsync(
        ChannelIdentity identity, string subTopic, CancellationToken cancellationToken)
    {
        try
        {
            return (await policies.WriteAsync(identity, subTopic, cancellationToken).ConfigureAwait(false), PolicyFault.None);
        }
        catch (NpgsqlException failure)
        {
            return (null, FaultOf(failure));
        }
    }

    private async Task<(Admission? Admission, string? Refusal)> AdmitAsync(
        JoinAttempt attempt, ChannelIdentity identity, CancellationToken cancellationToken)
    {
        var (request, subTopic) = (attempt.Request, attempt.SubTopic);
        var (access, fault) = (new ReadAccess(Broadcast: true, Presence: true), PolicyFault.None);
        if (request.IsPrivate)
            (access, fault) = await ReadAccessAsync(identity, subTopic, request.IsPresenceEnabled, cancellationToken).ConfigureAwait(false);
        if (PolicyFaultTexts.ForJoin(fault) is { } reason)
            return (null, reason);
        if (!access.IsAny)
            return (null, JoinRefusal.NoPermission(subTopic));

        if (request.Replay is not { } replay)
            return (new Admission(identity, access, []), null);
        if (!request.IsPrivate)
            return (null, JoinRefusal.ReplayIsPrivate);
        if (!access.Broadcast)
            return (null, JoinRefusal.NoPermission(subTopic));
        if (replay == ReplayRequest.Nothing)
            return (new Admission(identity, access, []), null);
        if (!replay.IsValid)
            return (null, JoinRefusal.InvalidReplay);
        try
        {
            return (new Admission(identity, access, await history.ReadAsync(subTopic, attempt.Topic, replay, cancellationToken).ConfigureAwait(false)), null);
        }
        catch (NpgsqlException failure)
        {
            ReplayFailed(failure);
            return (null, JoinRefusal.ReplayFailed);
        }
    }

    private PolicyFault FaultOf(NpgsqlException failure)
    {
        if (failure is not PostgresException refusal || DatabaseOutage.IsCauseOf(failure))
        {
            DatabaseUnreachable(failure.Message);
            return PolicyFault.DatabaseUnavailable;
        }
        PolicyFailed(refusal.SqlState, refusal.MessageText);
        return refusal switch
        {
            { SqlState: PostgresErrorCodes.QueryCanceled } => PolicyFault.QueryCanceled,
            { SqlState: PostgresErrorCodes.CheckViolation, TableName: "messages" } => PolicyFault.MissingPartition,
            _ => PolicyFault.PolicyFailed,
        };
    }

    private static string CodeOf(TokenFault fault) => fault switch
    {
        TokenFault.Malformed => "MalformedJWT",
        TokenFault.UnsupportedAlgorithm => "JwtSignerError",
        TokenFault.BadSignature => "JwtSignatureError",
        _ => "InvalidJWTToken",
    };

    [LoggerMessage(3010, LogLevel.Error, "RlsPolicyError: a policy of realtime.messages could not be evaluated ({SqlState}): {Reason}")]
    private partial void PolicyFailed(string sqlState, string reason);

    [LoggerMessage(3011, LogLevel.Warning, "UnableToConnectToProject: a private channel could not be authorized, because the database was not to be had: {Reason}")]
    private partial void DatabaseUnreachable(string reason);

    [LoggerMessage(3012, LogLevel.Error, "UnableToReplayMessages: realtime.messages could not be read.")]
    private partial void ReplayFailed(Exception failure);
}
