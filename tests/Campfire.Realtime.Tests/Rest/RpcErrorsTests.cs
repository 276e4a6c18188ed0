using System.Net;
using Campfire.Realtime.Rest;

namespace Campfire.Realtime.Tests.Rest;

[TestFixture]
public sealed class RpcErrorsTests
{
    [TestCase(HttpStatusCode.NotFound, null, null, CampfireErrorCode.Unavailable, TestName = "Bare_404_of_a_gateway_is_transient")]
    [TestCase(HttpStatusCode.Forbidden, null, null, CampfireErrorCode.Unavailable, TestName = "Bare_403_of_a_gateway_is_transient")]
    [TestCase(HttpStatusCode.NotFound, "PGRST202", "Could not find the function", CampfireErrorCode.NotFound, TestName = "Missing_function_is_permanent")]
    [TestCase(HttpStatusCode.NotFound, "PT404", "campfire_not_found", CampfireErrorCode.NotFound, TestName = "Conversation_of_somebody_else_is_not_found")]
    [TestCase(HttpStatusCode.Forbidden, "42501", "permission denied", CampfireErrorCode.AccessDenied, TestName = "Missing_grant_is_access_denied")]
    [TestCase(HttpStatusCode.Unauthorized, null, "Invalid API key", CampfireErrorCode.InvalidApiKey, TestName = "Gateway_refuses_the_key")]
    [TestCase(HttpStatusCode.Unauthorized, "PGRST303", "JWT expired", CampfireErrorCode.InvalidToken, TestName = "Expired_token_is_an_invalid_token")]
    [TestCase(HttpStatusCode.BadGateway, null, null, CampfireErrorCode.Unavailable, TestName = "Bad_gateway_is_transient")]
    [TestCase(HttpStatusCode.BadRequest, null, "bad gateway", CampfireErrorCode.Unavailable, TestName = "Bad_request_of_a_gateway_is_transient")]
    [TestCase(HttpStatusCode.PaymentRequired, null, "quota", CampfireErrorCode.Unavailable, TestName = "Paused_project_is_transient")]
    [TestCase(HttpStatusCode.Conflict, "gateway-7", "busy", CampfireErrorCode.Unavailable, TestName = "Code_of_a_gateway_is_none_of_PostgREST")]
    [TestCase(HttpStatusCode.MethodNotAllowed, "25006", "read-only transaction", CampfireErrorCode.Unavailable, TestName = "Read_only_database_is_transient")]
    [TestCase(HttpStatusCode.Forbidden, "28P01", "password authentication failed", CampfireErrorCode.Unavailable, TestName = "Database_that_does_not_let_PostgREST_in_is_transient")]
    [TestCase(HttpStatusCode.BadRequest, "22P02", "invalid input syntax", CampfireErrorCode.Invalid, TestName = "Bad_value_is_invalid")]
    public void Refusal_has_the_code_of_its_cause(HttpStatusCode status, string? code, string? message, CampfireErrorCode expected)
    {
        RpcErrorBody? body = message is null ? null : new RpcErrorBody(code, message, null, null);

        CampfireException refused = RpcErrors.ToException("campfire_events", status, body);

        Assert.That(refused.Code, Is.EqualTo(expected));
        Assert.That(refused.IsTransient, Is.EqualTo(expected is CampfireErrorCode.Unavailable));
    }
}
