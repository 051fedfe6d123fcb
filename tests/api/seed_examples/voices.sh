curl -X GET "http://your-url/voices" \
  -H "Authorization: Bearer YOUR_ACCESS_TOKEN"
