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
    TokenVerifier verifier, MessagePolicies policies, MessageHistory history, EmulatorLimits limits, ILogger<ChannelAdmission> logger)
{
    private readonly ILogger _logger = logger;

    public async Task<(Admission? Admission, string? Refusal)> AdmitAsync(JoinAttempt attempt, CancellationToken cancellationToken)
    {
        if (attempt.SubTopic.Length == 0)
            return (null, "TopicNameRequired: You must provide a topic name");
        if (limits.IsPrivateOnly && !attempt.Request.IsPrivate)
            return (null, "PrivateOnly: This project only allows private channels");
        if (attempt.IsBeyondUserLimit)
            return (null, "ConnectionRateLimitReached: Too many connected users");
        if (attempt.OtherChannels >= limits.MaxChannelsPerClient)
            return (null, "ChannelRateLimitReached: Too many channels");

        var verification = verifier.Verify(attempt.Token);
        if (verification.Fault != TokenFault.None)
            return (null, $"{CodeOf(verification.Fault)}: {TokenFaultTexts.ForChannel(verification)}");

        try
        {
            var identity = new ChannelIdentity(verification.Token!, attempt.HeadersJson);
            return await AdmitAsync(attempt, identity, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException noPartition) when (noPartition.SqlState == PostgresErrorCodes.CheckViolation)
        {
            return (null, "MissingPartition: Realtime was unable to find the expected messages partition");
        }
        catch (NpgsqlException unreachable) when (DatabaseOutage.IsCauseOf(unreachable))
        {
            DatabaseUnreachable(unreachable.Message);
            return (null, "UnableToConnectToProject: Realtime was unable to connect to the project database");
        }
    }

    // A policy that fails, or a role that does not exist, grants nothing; the client learns no more than that.
    public async Task<ReadAccess> ReadAccessAsync(ChannelIdentity identity, string subTopic, bool includesPresence, CancellationToken cancellationToken)
    {
        try
        {
            return await policies.ReadAsync(identity, subTopic, includesPresence, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException failure) when (failure.SqlState != PostgresErrorCodes.CheckViolation && !DatabaseOutage.IsCauseOf(failure))
        {
            PolicyFailed(failure.SqlState, failure.MessageText);
            return default;
        }
    }

    // Null when the database is not there to be asked.
    public async Task<WriteAccess?> WriteAccessAsync(ChannelIdentity identity, string subTopic, CancellationToken cancellationToken)
    {
        try
        {
            return await policies.WriteAsync(identity, subTopic, cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException unreachable) when (DatabaseOutage.IsCauseOf(unreachable))
        {
            DatabaseUnreachable(unreachable.Message);
            return null;
        }
        catch (PostgresException failure)
        {
            PolicyFailed(failure.SqlState, failure.MessageText);
            return default(WriteAccess);
        }
    }

    public static string NoPermission(string subTopic) => $"You do not have permissions to read from this Channel topic: {subTopic}";

    private async Task<(Admission? Admission, string? Refusal)> AdmitAsync(
        JoinAttempt attempt, ChannelIdentity identity, CancellationToken cancellationToken)
    {
        var (request, subTopic) = (attempt.Request, attempt.SubTopic);
        var access = new ReadAccess(Broadcast: true, Presence: true);
        if (request.IsPrivate)
            access = await ReadAccessAsync(identity, subTopic, request.IsPresenceEnabled, cancellationToken).ConfigureAwait(false);
        if (!access.Broadcast && !access.Presence)
            return (null, $"Unauthorized: {NoPermission(subTopic)}");

        if (request.Replay is null)
            return (new Admission(identity, access, []), null);
        if (!request.IsPrivate)
            return (null, "UnableToReplayMessages: Replay is not allowed for public channels");
        if (!access.Broadcast)
            return (null, $"Unauthorized: {NoPermission(subTopic)}");
        if (!request.Replay.IsValid)
            return (null, "UnableToReplayMessages: Replay params are not valid");
        var replayed = await history.ReadAsync(subTopic, attempt.Topic, request.Replay, cancellationToken).ConfigureAwait(false);
        return (new Admission(identity, access, replayed), null);
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
}
