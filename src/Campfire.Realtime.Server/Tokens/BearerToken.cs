using System.Diagnostics.CodeAnalysis;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Server.Tokens;

internal static class BearerToken
{
    public static bool TryGet(HttpRequest request, [NotNullWhen(true)] out string? token)
    {
        token = AuthenticationHeaderValue.TryParse(request.Headers.Authorization, out AuthenticationHeaderValue? header)
            && header.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase)
                ? header.Parameter
                : null;
        return !string.IsNullOrEmpty(token);
    }
}
