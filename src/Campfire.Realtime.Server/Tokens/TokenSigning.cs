using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace Campfire.Realtime.Server.Tokens;

/// <summary>The one key and algorithm of visitor tokens. An asymmetric key would be chosen here and nowhere else.</summary>
internal sealed class TokenSigning(CampfireServerOptions options)
{
    public SigningCredentials Credentials { get; } =
        new(new SymmetricSecurityKey(Encoding.UTF8.GetBytes(options.JwtSecret!)), SecurityAlgorithms.HmacSha256);
}
