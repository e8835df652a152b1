//! Private keys of the tests, made for them and good for nothing else. All are base64 of DER.

/// 2048 bits, in PKCS #1.
pub const RSA: &str = "\
    MIIEogIBAAKCAQEAtKz4DgM3be3NEfvqdRsbHR3JUq7ahl5R5bMD8xLoKYWEZec/FFWnyXQ7gOZEc+dStId/uyZVKl73J/wgF23i\
    nihcH4mUd0VdFa8gTWC0jdfd6Gc6E+b/uizRv5NFqrYUNRrjGEzYotTNw0yPMZ32TmfSj78WOzF/UD5A2ACQaqv+ksRyXko/On6I\
    VVGwVNew6JWVh86Lb6OaO8ZcGIBaDa7x9pkNa+eUcbO3JIBy7sxT+r2AzayozLi/wUp+WT9sS67RsvqB6LvKT0mcf7et8ciF5H2v\
    OFkPXzJ3sgmju3r0mRSqOs/hrsePgZBnekfCL5IXoTHhYvRuOQQhpNIupQIDAQABAoH/MSrhAO80e7Xlw1R1eWjm+AV4brJ8Gr+Q\
    NJzYIPiu3/MgafAu5QRqT2hSHmyLiam/LWGyYOZi8Xo7yFB/FeEmyo4xLmPtAzLdIgmGa4g677QkWhpoCQJ+lSudPi/VxZ8ci1cb\
    IIHJHTF2zVmy83hejveyABcASxuCif5m/GEq69wYAbUVedl6dHEZ1rey7xnEyYkWINUbkDwBqpzhpiP0OidaZSaidyY6xp4ae0X6\
    nwTfiCue4pTKPUWMfeuZFRSmP4oNE+BAYilzXP1olykeXCA2yR/oAfJGi3nndy9+ArbGFq2ryBkTn07u63P4pSEHSIp/9w6SDe41\
    jjHG59iFAoGBANuPZNmOn5aAHytXbEeiHZNXkoaJEuBwhyhEu6XxQP2+Pes4lX/W62ppYSwOxrR5duW3LMrVr3FPgsyBSwkYVkFF\
    CUNAk4cZHdcGqb2wMnEoBhfpNcPo7bX9tHeNZU8+kZwcTso5kghHDW5g2CSsMGIEmPD1IdW139PKh7IVH4M7AoGBANKpdolwXuJn\
    X8VM9JTZb0PzHAU07QVoazFpITIhCuy4YqUvTO/B3+NDraDEuUbOwdp6hlnmGVurh5Ig4IF+HF+2VhB3kd2vedBIOws5N+oIjhnK\
    RCbX7CVbDhyHhxaF8+/fjTBhoZXXAFsVgFEksHXs3IztYpgg0/DWV7FWSjefAoGBALkpG87RlcqRcDfX+UwL7s9EiiCFVvMKUyFl\
    na6bX8jd+E/3nzR5pn1OM5G5QGARE3E04kSIovV3LYKUAxi/enZ+5wndWs0TJHQjfWCoSFHfhAwEM8BtHpNdSyWLjAWhaaDyyouG\
    s53hdfVBHOcIg6EV6XlD8W3OfN2arodDgxjjAoGABFe3+NdXLWWiJMgUVqkw0P7G+hiANldTtl4LcCQcPIsEhZE3Dc46Vk4D20eS\
    5jHG70ENWfcTWL9teQayehjmbtasaYR9fktqwG9swCt6yplIjKGNzBsxZAe/f7kPgNhcEfrSx0eL9DHNcRM9ZO7TsGqklUcjfC1Z\
    ESLqBd7YgtMCgYEAykD+6khrzznEH/MVopHdZXAerUlWIu78qjJoYSNae1H85zMD/1V6rHeTOLtKB0MNa983TyFrY6A1O6YYXbio\
    IdUnVyt/ZHXS7wi2tsgLawSjzJpZdovFrtGFDDOYkYj0yZbd9aFSB0jpc9BnzmpYIXEYb9VnUD0txAqCZ1o/Vgg=";

/// The public half of [`RSA`], as a certificate would hold it.
pub const RSA_PUBLIC: &str = "\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtKz4DgM3be3NEfvqdRsbHR3JUq7ahl5R5bMD8xLoKYWEZec/FFWnyXQ7\
    gOZEc+dStId/uyZVKl73J/wgF23inihcH4mUd0VdFa8gTWC0jdfd6Gc6E+b/uizRv5NFqrYUNRrjGEzYotTNw0yPMZ32TmfSj78W\
    OzF/UD5A2ACQaqv+ksRyXko/On6IVVGwVNew6JWVh86Lb6OaO8ZcGIBaDa7x9pkNa+eUcbO3JIBy7sxT+r2AzayozLi/wUp+WT9s\
    S67RsvqB6LvKT0mcf7et8ciF5H2vOFkPXzJ3sgmju3r0mRSqOs/hrsePgZBnekfCL5IXoTHhYvRuOQQhpNIupQIDAQAB";

/// The modulus of an RSA key of 1024 bits, shorter than is safe; its exponent is 65537.
pub const SHORT_RSA_MODULUS: &str = "\
    zZfk0oWyA0OKiHQbWFcty1aHHEhev1FoWE-Nitndoz-WxV_-INLFYF4dlXdCn1xPbTi-xHhjqlYG3hbKCIYl1zYpf_2V7JrpfC1v\
    mMdf2WH-c524sQ8Ian5r3RB6_WOcx6_5tjzkwtNHlO2YiDgnxFETvN8kCIPaUGWAsOu60Uc";

/// A token that is valid until 2100, signed by that key.
pub const SHORT_RSA_TOKEN: &str = "\
    eyJhbGciOiJSUzI1NiIsImtpZCI6InNob3J0IiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0L2F1dGgv\
    djEiLCJhdWQiOiJhcHAiLCJzdWIiOiJ1c2VyLTEiLCJleHAiOjQxMDI0NDQ4MDB9.rhjkSjzJlFAs4DCpLkG9CzhGw12kYUa2ZRq\
    wH9wconAt_TCpYiMKB05c58QsPEA41tf8KcmvPUJAiJX8gqolFw-7Qv55t2BEOwElAYoAcjQ7sE21xMw72eaWfx-N_35XBAeNGno\
    0XnD-BgvUCIK3pCxngZEEOf1DLTycW1iZLW4";

/// P-256, in PKCS #8.
pub const EC: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgq+eDlOFT0isE02lv30t47QUneaSZPaUJOZshE3a6BIqhRANCAAS1\
    dqMYAJV72bzmqSdRyDBcSz2PtRai7BH/ZQBSoS3jDWZmGgxCqA/npypWQV2vqnLOC4LmyYGXFoHyjnOV6LKS";

/// Ed25519, in PKCS #8.
pub const ED: &str = "\
    MC4CAQAwBQYDK2VwBCIEIJfdFex8nEN+RDkuiYFEfLJVgj5bOBRHqXEbMBFmFL3j";
