using Campfire.Realtime.Connection;

namespace Campfire.Realtime.Tests.Connection;

// Every text that Realtime 2.129 is known to refuse with, and what the client makes of it.
public sealed class RefusalTests
{
    private const string Words = "Realtime's own words";

    [TestCase(401, Words, false, RefusalClass.Permanent, CampfireErrorCode.InvalidApiKey)]
    [TestCase(401, Words, true, RefusalClass.Permanent, CampfireErrorCode.InvalidApiKey)]
    [TestCase(401, null, false, RefusalClass.Permanent, CampfireErrorCode.InvalidApiKey)]
    [TestCase(401, null, true, RefusalClass.Permanent, CampfireErrorCode.InvalidApiKey)]
    [TestCase(403, Words, false, RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase(403, Words, true, RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase(403, null, false, RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase(403, null, true, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(404, Words, false, RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase(404, Words, true, RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase(404, null, false, RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase(404, null, true, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(429, "Too many connected users", false, RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase(429, "Too many joins per second", true, RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase(429, null, false, RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase(200, null, false, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(302, null, false, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(400, "Bad Request", false, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(500, "Error connecting to Realtime", false, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(502, null, true, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(503, null, true, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    public void Upgrade_refused_is_of_a_class(int status, string? reason, bool wasConnected, object expectedClass, CampfireErrorCode code) =>
        Assert.That(Refusal.OfUpgrade(status, reason, wasConnected), Is.EqualTo(new Refusal((RefusalClass)expectedClass, code, reason ?? $"HTTP {status}")));

    [TestCase(null, RefusalClass.Transient, CampfireErrorCode.Unavailable, Description = "reset, silence, an error of ours")]
    [TestCase(1000, RefusalClass.Transient, CampfireErrorCode.Unavailable, Description = "idle for too long, or a server that stops")]
    [TestCase(1001, RefusalClass.Capacity, CampfireErrorCode.RateLimited, Description = "too many joins")]
    [TestCase(1002, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(1005, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(1006, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(1009, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(1011, RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase(1012, RefusalClass.Transient, CampfireErrorCode.Unavailable, Description = "a server that drains")]
    public void Loss_of_the_link_is_of_a_class(int? closeCode, object expectedClass, CampfireErrorCode code) =>
        Assert.That(Refusal.OfLoss(new LinkLoss("why", closeCode)), Is.EqualTo(new Refusal((RefusalClass)expectedClass, code, "why")));

    [TestCase("InvalidJWTToken: Token has expired 3 seconds ago", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("InvalidJWTToken: Fields `role` and `exp` are required in JWT", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("InvalidJWTToken: Token expiration time is invalid", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("MalformedJWT: The token provided is not a valid JWT", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("JwtSignatureError: Failed to validate JWT signature", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("JwtSignerError: Failed to generate JWT signer, check your JWT secret or JWKS configuration", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("JwtSignerError: Failed to generate JWT signer for key ID (kid) \"k\", check your JWT secret or JWKS configuration", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("TopicNameRequired: You must provide a topic name", RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase("TenantNotFound: Tenant with the given ID does not exist", RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase("PrivateOnly: This project only allows private channels", RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase("Unauthorized: You do not have permissions to read from this Channel topic: x", RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase("RealtimeDisabledForTenant: Realtime disabled for this tenant", RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase("unmatched topic", RefusalClass.Permanent, CampfireErrorCode.AccessDenied)]
    [TestCase("ConnectionRateLimitReached: Too many connected users", RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase("ClientJoinRateLimitReached: Too many joins per second", RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase("ChannelRateLimitReached: Too many channels", RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase("DatabaseLackOfConnections: Database can't accept more connections, Realtime won't connect", RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase("DatabaseConnectionRateLimitReached: Too many database connections attempts per second", RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase("IncreaseConnectionPool: Please increase your connection pool size", RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase("RealtimeRestarting: Realtime is restarting, please standby", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("UnableToReplayMessages: Replay is not allowed for public channels", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("UnableToConnectToProject: Realtime was unable to connect to the project database", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("InitializingProjectConnection: Realtime is initializing the project connection", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("InitializingProjectConnection: Connecting to the project database", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("QueryCanceled: %Postgrex.Error{}", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("MissingPartition: Realtime was unable to find the expected messages partition", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("TimeoutOnRpcCall: Node request timeout", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("ErrorOnRpcCall: RPC call error: :nodedown", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("MusterJoinError: :timeout", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("Realtime was unable to connect to the project database", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("Unknown Error on Channel", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("UnknownErrorOnChannel: argument error", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("join crashed", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("unauthorized: in another case", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("UnauthorizedForNow: a code of a later version", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("Oops: Unauthorized: only the code before the first colon counts", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    public void Join_refused_is_of_a_class(string reason, object expectedClass, CampfireErrorCode code) =>
        Assert.That(Refusal.OfJoin(reason), Is.EqualTo(new Refusal((RefusalClass)expectedClass, code, reason)));

    [Test]
    public void Join_refused_without_a_word_is_tried_again() =>
        Assert.That(Refusal.OfJoin(null), Is.EqualTo(new Refusal(RefusalClass.Transient, CampfireErrorCode.Unavailable, "no reason given")));

    [TestCase("Token has expired 0 seconds ago", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("Fields `role` and `exp` are required in JWT", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("The token provided is not a valid JWT", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("Failed to validate JWT signature", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("Failed to generate JWT signer, check your JWT secret or JWKS configuration", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("Failed to generate JWT signer for key ID (kid) \"k\", check your JWT secret or JWKS configuration", RefusalClass.Token, CampfireErrorCode.InvalidToken)]
    [TestCase("You do not have permissions to read from this Channel topic: x", RefusalClass.Permanent, CampfireErrorCode.AccessWithdrawn)]
    [TestCase("You no longer have permission to read from this Channel topic: x", RefusalClass.Permanent, CampfireErrorCode.AccessWithdrawn)]
    [TestCase("Too many messages per second", RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase("Too many presence messages per second", RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase("Client presence rate limit exceeded", RefusalClass.Capacity, CampfireErrorCode.RateLimited)]
    [TestCase("Track message size exceeded", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("Replication connection was not established in time", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("Realtime was unable to connect to the project database", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("Query was cancelled, please try again", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("Node request timeout", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("RPC call error: :nodedown", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("words of a later version", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    [TestCase("", RefusalClass.Transient, CampfireErrorCode.Unavailable)]
    public void Close_of_a_channel_is_of_a_class(string message, object expectedClass, CampfireErrorCode code) =>
        Assert.That(Refusal.OfClose(message), Is.EqualTo(new Refusal((RefusalClass)expectedClass, code, message)));

    [Test]
    public void Close_without_a_word_is_followed_by_a_new_join() =>
        Assert.That(Refusal.OfClose(null), Is.EqualTo(new Refusal(RefusalClass.Transient, CampfireErrorCode.Unavailable, "the server closed the channel")));
}
